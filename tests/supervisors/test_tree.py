"""Specs of supervisors: their children, and rules that fit together."""

import msgspec
import pytest

from actorch.actors import Actor, AgentSpec
from actorch.supervisors._breaker import Breaker
from actorch.supervisors._budget import Budget
from actorch.supervisors._child import ChildSpec
from actorch.supervisors._supervisor_spec import SupervisorSpec
from actorch.supervisors._tree import DynamicSupervisor, Supervisor
from specs import label, refused, without

BOTH = pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])
EVENTS = ("any_significant", "all_significant")


class Worker(Actor):
    """An actor of ours."""


def children(*ids, **rest):
    return [ChildSpec(one, Worker, **rest) for one in ids]


def test_the_defaults_restart_each_child_alone_and_a_failure_too_many_goes_up():
    made = Supervisor()
    assert (made.children, made.strategy, made.max_children) == ((), "one_for_one", None)
    assert (made.child_budget, made.budget, made.breaker) == (Budget(), None, None)
    assert (made.auto_shutdown, made.max_concurrent_starts) == ("never", None)
    assert (made.stash, made.name) == (1000, "supervisor")


def test_a_dynamic_supervisor_has_no_children_yet_and_gives_up_one_that_fails_too_often():
    made = DynamicSupervisor()
    assert (made.children, made.strategy, made.max_children) == ((), "one_for_one", None)
    assert made.child_budget == Budget(then="stop")
    assert DynamicSupervisor(max_children=7).max_children == 7


@BOTH
def test_both_are_specs_of_a_supervisor(kind):
    assert isinstance(kind(), SupervisorSpec)
    refused(msgspec.structs.replace, kind(), stash=-1)


@pytest.mark.parametrize("field", ["children", "strategy"])
def test_a_dynamic_supervisor_can_be_given_neither_children_nor_a_strategy(field):
    with pytest.raises(TypeError):
        DynamicSupervisor(**{field: ()})


def test_a_supervisor_has_no_limit_of_children():
    with pytest.raises(TypeError):
        Supervisor(max_children=3)


def test_children_keep_their_order_and_are_copied():
    given = children("b", "a", "c")
    made = Supervisor(given)
    given.pop()
    assert [child.id for child in made.children] == ["b", "a", "c"]
    assert repr(made) == "<Supervisor supervisor: one_for_one, 3 children>"


def test_a_supervisor_can_be_a_child_of_another_one():
    inner = Supervisor(children("a"), name="inner")
    outer = Supervisor([ChildSpec("inner", inner), ChildSpec("pool", DynamicSupervisor())])
    assert outer.children[0].start is inner


@pytest.mark.parametrize("value", without(list), ids=label)
def test_children_are_a_list(value):
    assert refused(Supervisor, value).startswith("supervisor.children: ")


@pytest.mark.parametrize("value", [Worker, AgentSpec("a", ["true"]), *without()], ids=label)
def test_each_child_is_a_child_spec(value):
    assert refused(Supervisor, [*children("a"), value]).startswith("supervisor.children[1]: ")


def test_no_two_children_have_the_same_id():
    text = refused(Supervisor, children("a", "b", "a"))
    assert text == "child.id: 'a' is not allowed: must be unique: another child has it, too"


@pytest.mark.parametrize("value", ["", "one_for_none", *without(str)], ids=label)
def test_a_strategy_that_does_not_exist_is_refused(value):
    text = refused(Supervisor, strategy=value)
    assert text.startswith("supervisor.strategy: ")
    assert "one of one_for_one, one_for_all, rest_for_one" in text


@BOTH
@pytest.mark.parametrize("value", [Breaker(), *without()], ids=label)
def test_the_budget_of_each_child_is_one(kind, value):
    assert refused(kind, child_budget=value).startswith("supervisor.child_budget: ")


@BOTH
@pytest.mark.parametrize("value", [Breaker(), *without(type(None))], ids=label)
def test_the_budget_of_all_is_one_or_none(kind, value):
    assert refused(kind, budget=value).startswith("supervisor.budget: ")


@BOTH
def test_the_budget_of_all_always_escalates(kind):
    assert kind(budget=Budget(20, 60)).budget == Budget(20, 60)
    text = refused(kind, budget=Budget(20, 60, "stop"))
    assert text.startswith("supervisor.budget.then: 'stop'")


@BOTH
@pytest.mark.parametrize("value", ["", "always", *without(str)], ids=label)
def test_an_auto_shutdown_that_does_not_exist_is_refused(kind, value):
    assert refused(kind, auto_shutdown=value).startswith("supervisor.auto_shutdown: ")


def test_significant_children_need_an_auto_shutdown():
    given = children("a", significant=True)
    for event in EVENTS:
        assert Supervisor(given, auto_shutdown=event).children == tuple(given)
    text = refused(Supervisor, given)
    assert text.startswith("child.a.significant: True")


def test_so_do_those_that_come_later():
    (late,) = children("late", significant=True)
    for event in EVENTS:
        DynamicSupervisor(auto_shutdown=event).check_child(late)
    assert refused(DynamicSupervisor().check_child, late).startswith("child.late.significant: ")
    for kind in (Supervisor, DynamicSupervisor):
        kind().check_child(*children("plain"))


@BOTH
@pytest.mark.parametrize("value", [0, -1, 1_000_001, *without(int, type(None))], ids=label)
def test_one_child_at_least_may_be_starting(kind, value):
    key = "supervisor.max_concurrent_starts"
    assert refused(kind, max_concurrent_starts=value).startswith(f"{key}: ")
    assert kind(max_concurrent_starts=1).max_concurrent_starts == 1


@pytest.mark.parametrize("value", [0, -1, 1_000_001, *without(int, type(None))], ids=label)
def test_a_dynamic_supervisor_has_room_for_one_child_at_least(value):
    assert refused(DynamicSupervisor, max_children=value).startswith("supervisor.max_children: ")


@BOTH
@pytest.mark.parametrize("value", [Budget(), *without(type(None))], ids=label)
def test_a_breaker_is_one_or_none(kind, value):
    assert refused(kind, breaker=value).startswith("supervisor.breaker: ")


@BOTH
def test_a_breaker_pauses_restarts_of_single_children(kind):
    assert kind(breaker=Breaker()).breaker == Breaker()


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_a_breaker_is_only_for_one_for_one(strategy):
    assert refused(Supervisor, strategy=strategy, breaker=Breaker()).startswith(
        "supervisor.breaker: "
    )


@BOTH
@pytest.mark.parametrize("value", [-1, 1_000_001, *without(int)], ids=label)
def test_a_stash_holds_a_number_of_messages(kind, value):
    assert refused(kind, stash=value).startswith("supervisor.stash: ")
    assert kind(stash=0).stash == 0


@BOTH
@pytest.mark.parametrize("value", ["", "x" * 201, "a\nb", *without(str)], ids=label)
def test_a_name_is_a_short_printable_string(kind, value):
    assert refused(kind, name=value).startswith("supervisor.name: ")


def test_supervisors_are_shown_with_what_they_may_hold():
    assert repr(Supervisor(name="root")) == "<Supervisor root: one_for_one, 0 children>"
    assert repr(DynamicSupervisor(name="pool")) == (
        "<DynamicSupervisor pool: any number of children>"
    )
    assert repr(DynamicSupervisor(max_children=3)) == (
        "<DynamicSupervisor supervisor: at most 3 children>"
    )
