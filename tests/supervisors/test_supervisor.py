"""Supervisors: who stops and who starts, in which order, and when it is over."""

from functools import partial

import pykka
import pytest

from actorch.actors import (
    BudgetExceeded,
    ChildStartError,
    Crashed,
    Killed,
    Normal,
    Shutdown,
    StartFailed,
    TooManyChildrenError,
)
from actorch.actors.testing import assert_terminated
from actorch.supervisors import (
    BRUTAL_KILL,
    Breaker,
    Budget,
    ChildCounts,
    ChildSpec,
    DynamicSupervisor,
    RestartBackoff,
    Supervisor,
    start_supervisor,
)
from trees_of_actors import LONG, WAIT, Stage, Worker, incarnations, quiet, stage, states

AT_ONCE = RestartBackoff(min=0.0, max=0.0)


@pytest.fixture
def on():
    with stage() as made:
        yield made


# Histories: strategy, restart types of a, b, c, what happens to whom, and what is seen then.

HISTORIES = [
    ("one_for_one", "ttt", [("crash", "b")], ["start b"]),
    ("one_for_all", "ttt", [("crash", "b")], ["stop c", "stop a", "start a", "start b", "start c"]),
    ("rest_for_one", "ttt", [("crash", "b")], ["stop c", "start b", "start c"]),
    (
        "rest_for_one",
        "ttt",
        [("crash", "a")],
        ["stop c", "stop b", "start a", "start b", "start c"],
    ),
    ("rest_for_one", "ttt", [("crash", "c")], ["start c"]),
    ("one_for_one", "ttt", [("end", "b")], ["stop b"]),
    ("one_for_all", "ttt", [("end", "b")], ["stop b"]),
    ("rest_for_one", "ttt", [("end", "b")], ["stop b"]),
    ("one_for_one", "tpt", [("end", "b")], ["stop b", "start b"]),
    (
        "one_for_all",
        "tpt",
        [("end", "b")],
        ["stop b", "stop c", "stop a", "start a", "start b", "start c"],
    ),
    ("one_for_one", "tet", [("crash", "b")], []),
    ("one_for_all", "tet", [("crash", "b")], []),
    ("one_for_all", "ett", [("crash", "b")], ["stop c", "stop a", "start b", "start c"]),
    ("rest_for_one", "tte", [("crash", "b")], ["stop c", "start b"]),
    (
        "one_for_all",
        "ttt",
        [("end", "a"), ("crash", "b")],
        ["stop a", "stop c", "start b", "start c"],
    ),
    ("one_for_one", "ttt", [("crash", "a"), ("crash", "c")], ["start a", "start c"]),
    (
        "one_for_all",
        "ttt",
        [("crash", "a"), ("crash", "c")],
        ["stop b", "start a", "start b", "start c"],
    ),
    ("rest_for_one", "ttt", [("kill", "b")], ["stop b", "stop c", "start b", "start c"]),
]
TYPES = {"t": "transient", "p": "permanent", "e": "temporary"}


@pytest.mark.parametrize(("strategy", "types", "events", "seen"), HISTORIES)
def test_who_stops_and_who_starts_in_which_order(on: Stage, strategy, types, events, seen) -> None:
    children = [
        on.child(name, restart=TYPES[kind]) for name, kind in zip("abc", types, strict=True)
    ]
    supervisor = on.supervise(*children, strategy=strategy)
    assert on.pass_() == ["start a", "start b", "start c"]
    refs = {name: supervisor.child(name) for name in "abc"}

    def happen() -> None:
        for what, name in events:
            refs[name].kill() if what == "kill" else refs[name].tell(what)

    on.dispatcher.call_soon(happen)  # at once: before anybody can answer the first of them
    assert on.pass_() + on.pass_(1.0) == seen
    alive = {name for name, state in states(supervisor).items() if state == "running"}
    ended = {name for what, name in events if what == "end" and types["abc".index(name)] != "p"}
    never = {name for name, kind in zip("abc", types, strict=True) if kind == "e"}
    hit = {name for _what, name in events}
    swept = hit if strategy == "one_for_one" else set("abc")
    assert alive >= set("abc") - ended - never
    assert not alive & (ended | (never & hit))
    assert all(refs[name].incarnation == 1 for name in set("abc") - swept)


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_children_are_started_in_order_and_stopped_in_reverse(on: Stage, strategy) -> None:
    supervisor = on.supervise("a", "b", "c", strategy=strategy)
    assert on.pass_() == ["start a", "start b", "start c"]
    supervisor.stop(block=False)
    assert on.pass_() == ["stop c", "stop b", "stop a"]
    assert_terminated(supervisor, Normal)


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_a_first_start_that_fails_stops_those_before_and_raises(on: Stage, strategy) -> None:
    children = [on.child("a"), on.child("b"), on.child("c", fails=(1,)), on.child("d")]
    future = start_supervisor(on.dispatcher, Supervisor(children, strategy), block=False)
    on.clock.advance()
    with pytest.raises(ChildStartError) as caught:
        future.get(timeout=LONG)
    assert caught.value.child == "c"
    assert isinstance(caught.value.reason, StartFailed)
    assert on.pass_() == ["start a", "start b", "fail c", "stop b", "stop a"]
    assert on.dispatcher.actors() == []


def test_a_restart_that_fails_is_tried_again_and_each_try_counts(on: Stage) -> None:
    child = on.child("a", fails=(2, 3), budget=Budget(3, 1000))
    supervisor = on.supervise(child, "b")
    supervisor.child("a").tell("crash")
    on.pass_()
    assert states(supervisor) == {"a": "waiting", "b": "running"}
    assert on.pass_(1.0) == ["fail a"]
    assert on.pass_(1.0) == ["fail a"]
    assert on.pass_(1.0) == ["start a"]
    [info, _] = supervisor.which_children()
    assert (info.incarnation, info.restarts) == (4, 3)
    supervisor.child("a").tell("crash")
    assert on.pass_() == ["stop b"]
    reason = assert_terminated(supervisor, BudgetExceeded)
    assert (reason.child, reason.restarts, reason.abnormal) == ("a", 3, True)


def test_in_one_for_all_a_failing_restart_takes_down_those_started_before_it(on: Stage) -> None:
    supervisor = on.supervise("a", on.child("b", fails=(2,)), "c", strategy="one_for_all")
    on.pass_()
    supervisor.child("c").tell("crash")
    assert on.pass_() == ["stop b", "stop a"]
    assert on.pass_(1.0) == ["start a", "fail b", "stop a"]
    assert on.pass_(1.0) == ["start a", "start b", "start c"]
    assert incarnations(supervisor) == {"a": 3, "b": 3, "c": 2}


def test_in_rest_for_one_a_failing_restart_leaves_those_before_it_alone(on: Stage) -> None:
    supervisor = on.supervise("a", "b", on.child("c", fails=(2,)), strategy="rest_for_one")
    on.pass_()
    supervisor.child("b").tell("crash")
    assert on.pass_() == ["stop c"]
    assert on.pass_(1.0) == ["start b", "fail c"]
    assert on.pass_(1.0) == ["start c"]
    assert incarnations(supervisor) == {"a": 1, "b": 2, "c": 3}


# Budgets, backoff, health.


def test_with_a_budget_of_nothing_a_failure_ends_the_supervisor(on: Stage) -> None:
    supervisor = on.supervise(on.child("a", budget=Budget(0)), "b")
    on.pass_()
    supervisor.child("a").tell("crash")
    assert on.pass_() == ["stop b"]
    assert isinstance(assert_terminated(supervisor, BudgetExceeded).last, Crashed)


def test_each_child_has_a_budget_of_its_own(on: Stage) -> None:
    supervisor = on.supervise("a", "b", child_budget=Budget(2, 1000))
    for _ in range(2):
        for name in "ab":
            supervisor.child(name).tell("crash")
        on.pass_(1.0)
    assert incarnations(supervisor) == {"a": 3, "b": 3}
    assert states(supervisor) == {"a": "running", "b": "running"}


def test_the_fuse_is_over_all_children_together(on: Stage) -> None:
    supervisor = on.supervise("a", "b", budget=Budget(2, 1000))
    for name in "ab":
        supervisor.child(name).tell("crash")
        on.pass_(1.0)
    supervisor.child("a").tell("crash")
    on.pass_()
    assert_terminated(supervisor, BudgetExceeded)


def test_a_child_may_be_given_up_and_the_others_go_on(on: Stage) -> None:
    supervisor = on.supervise(on.child("a", budget=Budget(0, then="stop")), "b")
    ref = supervisor.child("a")
    ref.tell("crash")
    on.pass_()
    assert_terminated(ref, BudgetExceeded)
    assert states(supervisor) == {"a": "ended", "b": "running"}


def test_health_resets_budget_and_backoff_and_being_alive_for_a_moment_does_not(
    on: Stage,
) -> None:
    backoff = RestartBackoff(
        min=1.0, max=64.0, factor=2.0, jitter="none", reset_after=50.0, ready_after=5.0
    )
    supervisor = on.supervise(on.child("a", backoff=backoff, budget=Budget(3, 10_000)))
    on.pass_()

    def due_after_crash() -> float:
        supervisor.child("a").tell("crash")
        on.pass_()
        [info] = supervisor.which_children()
        assert info.due is not None
        wait = info.due - on.clock.now()
        on.pass_(wait)
        return wait

    assert due_after_crash() == 1.0
    on.pass_(54.9)  # ready for 49.9 s
    assert due_after_crash() == 2.0
    on.pass_(55.0)  # ready for 50 s
    assert due_after_crash() == 1.0
    assert due_after_crash() == 2.0
    assert due_after_crash() == 4.0
    supervisor.child("a").tell("crash")
    on.pass_()
    assert_terminated(supervisor, BudgetExceeded)


def test_the_supervisor_answers_during_a_backoff_and_orders_do_not_wait_for_it(on: Stage) -> None:
    supervisor = on.supervise("a", "b")
    supervisor.child("a").tell("crash")
    on.pass_()
    [info, _] = supervisor.which_children()
    assert (info.state, info.due, info.incarnation) == ("waiting", 1.0, 1)
    assert supervisor.start_child(on.child("c")).ask("x") == ("c", 1, "x")
    assert isinstance(supervisor.terminate_child("a"), Shutdown)
    assert on.pass_(5.0) == ["start c"]
    assert states(supervisor) == {"a": "ended", "b": "running", "c": "running"}


# Orders.


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_termination_is_no_failure_keeps_the_spec_and_may_be_repeated(on: Stage, strategy) -> None:
    supervisor = on.supervise(
        on.child("a", restart="permanent"), "b", strategy=strategy, child_budget=Budget(0)
    )
    on.pass_()
    ref = supervisor.child("a")
    assert supervisor.terminate_child("a") == Shutdown()
    assert supervisor.terminate_child("a") == Shutdown()
    assert on.pass_(10.0) == ["stop a"]
    assert_terminated(ref, Shutdown)
    assert supervisor.count_children() == ChildCounts(2, 1, 0, 2)
    again = supervisor.restart_child("a")
    assert again is not ref
    assert again.ask("x") == ("a", 2, "x")
    supervisor.terminate_child("a")
    supervisor.delete_child("a")
    assert states(supervisor) == {"b": "running"}


def test_a_child_that_does_not_start_is_not_kept_and_one_that_does_not_restart_is(
    on: Stage,
) -> None:
    supervisor = on.supervise("a")
    with pytest.raises(ChildStartError):
        supervisor.start_child(on.child("b", fails=(1,)))
    supervisor.start_child(on.child("c", fails=(2,)))
    supervisor.terminate_child("c")
    with pytest.raises(ChildStartError):
        supervisor.restart_child("c")
    assert states(supervisor) == {"a": "running", "c": "ended"}
    assert supervisor.restart_child("c").ask("x") == ("c", 3, "x")


def test_a_temporary_child_is_forgotten_with_its_end(on: Stage) -> None:
    supervisor = on.supervise(on.child("a", restart="temporary"), "b")
    ref = supervisor.child("a")
    ref.tell("crash")
    on.pass_(10.0)
    assert_terminated(ref, Crashed)
    assert states(supervisor) == {"b": "running"}


@pytest.mark.parametrize(
    ("rule", "ends", "over"),
    [
        ("any_significant", "a", True),
        ("all_significant", "a", False),
        ("all_significant", "ab", True),
        ("any_significant", "c", False),
    ],
)
def test_the_work_is_finished_when_significant_children_have_ended(
    on: Stage, rule, ends, over
) -> None:
    children = [on.child("a", significant=True), on.child("b", significant=True), on.child("c")]
    supervisor = on.supervise(*children, auto_shutdown=rule)
    for name in ends:
        supervisor.child(name).tell("end")
    on.pass_()
    assert supervisor.is_alive() is not over
    if over:
        assert_terminated(supervisor, Shutdown)


def test_termination_by_order_finishes_no_work_and_a_restart_neither(on: Stage) -> None:
    children = [on.child("a", significant=True), on.child("b", significant=True)]
    supervisor = on.supervise(*children, auto_shutdown="any_significant")
    supervisor.terminate_child("a")
    supervisor.child("b").tell("crash")
    on.pass_(1.0)
    assert states(supervisor) == {"a": "ended", "b": "running"}


def test_work_of_which_a_part_was_given_up_is_not_finished_well(on: Stage) -> None:
    children = [
        on.child("a", significant=True, budget=Budget(0, then="stop")),
        on.child("b", significant=True),
    ]
    supervisor = on.supervise(*children, auto_shutdown="all_significant")
    supervisor.child("a").tell("crash")
    on.pass_()
    supervisor.child("b").tell("end")
    on.pass_()
    assert assert_terminated(supervisor, BudgetExceeded).child == "a"


# Dynamic supervisors, concurrency, the breaker.


def test_a_dynamic_supervisor_is_bounded_and_forgets_those_that_have_ended(on: Stage) -> None:
    supervisor = on.start(DynamicSupervisor(max_children=2))
    refs = [supervisor.start_child(on.child(name)) for name in "ab"]
    with pytest.raises(TooManyChildrenError):
        supervisor.start_child(on.child("c"))
    refs[0].tell("end")
    on.pass_()
    assert states(supervisor) == {"b": "running"}
    supervisor.start_child(on.child("c"))
    supervisor.terminate_child("b")
    assert states(supervisor) == {"c": "running"}


def test_one_that_a_dynamic_supervisor_cannot_keep_is_given_up_alone(on: Stage) -> None:
    supervisor = on.start(DynamicSupervisor(child_budget=Budget(1, 1000, "stop")))
    ref = supervisor.start_child(on.child("a"))
    supervisor.start_child(on.child("b"))
    for _ in range(2):
        ref.tell("crash")
        on.pass_(1.0)
    assert_terminated(ref, BudgetExceeded)
    assert states(supervisor) == {"b": "running"}


def test_no_more_children_than_allowed_are_starting_at_once(on: Stage) -> None:
    backoff = RestartBackoff(min=1.0, max=1.0, jitter="none", ready_after=10.0)
    children = [on.child(name, backoff=backoff) for name in "abcd"]
    supervisor = on.supervise(*children, max_concurrent_starts=2)
    on.pass_(10.0)
    for name in "abcd":
        supervisor.child(name).tell("crash")
    on.pass_()
    assert on.pass_(1.0) == ["start a", "start b"]
    assert on.pass_(9.0) == []
    assert on.pass_(1.0) == ["start c", "start d"]


def test_a_child_that_somebody_starts_counts_among_those_that_are_starting(on: Stage) -> None:
    backoff = RestartBackoff(ready_after=10.0)
    supervisor = on.start(DynamicSupervisor(max_concurrent_starts=1))
    orders = [
        supervisor.start_child(on.child(name, backoff=backoff), block=False) for name in "abc"
    ]
    assert on.pass_() == ["start a"]
    assert on.pass_(9.9) == []
    assert on.pass_(0.1) == ["start b"]
    assert [order.done() for order in orders] == [True, True, False]
    assert on.pass_(10.0) == ["start c"]


def test_the_breaker_pauses_all_restarts_until_a_probe_is_ready(on: Stage) -> None:
    children = [on.child(name, budget=Budget(1, 1000)) for name in "abcd"]
    breaker = Breaker(share=0.5, at_least=3, within=10.0, pause=30.0, probation=5.0)
    supervisor = on.supervise(*children, breaker=breaker)
    on.pass_()
    for name in "abc":
        supervisor.child(name).tell("crash")
    assert on.pass_() + on.pass_(29.0) == []
    assert on.pass_(1.0) == ["start a"]
    supervisor.child("a").tell("crash")  # a probe: its budget is not charged
    assert on.pass_() + on.pass_(59.0) == []
    assert on.pass_(1.0) == ["start b"]
    assert on.pass_(4.0) == []
    assert sorted(on.pass_(1.0)) == ["start a", "start c"]
    assert states(supervisor) == dict.fromkeys("abcd", "running")


# Trees.


def test_trees_three_deep_start_outside_in_and_stop_inside_out(on: Stage) -> None:
    inner = ChildSpec("inner", Supervisor([on.child("c"), on.child("d")]))
    middle = ChildSpec("middle", Supervisor([on.child("b"), inner], "one_for_all"))
    supervisor = on.supervise(on.child("a"), middle, "e", strategy="rest_for_one")
    assert on.pass_() == [f"start {name}" for name in "abcde"]
    supervisor.stop(block=False)
    assert on.pass_() == [f"stop {name}" for name in "edcba"]
    assert_terminated(supervisor, Normal)
    assert on.dispatcher.actors() == []


def test_a_parent_acts_on_a_budget_that_its_child_has_exceeded(on: Stage) -> None:
    inner = Supervisor([on.child("a")], child_budget=Budget(0))
    supervisor = on.supervise(ChildSpec("inner", inner, backoff=WAIT), "b")
    on.pass_()
    ref = supervisor.child("inner")
    ref.child("a").tell("crash")
    assert on.pass_(1.0) == ["start a"]
    assert ref.incarnation == 2
    assert ref.child("a").ask("x") == ("a", 1, "x")
    assert isinstance(supervisor.which_children()[0].last_exit, BudgetExceeded)


def test_a_start_that_fails_deep_inside_fails_the_whole_start(on: Stage) -> None:
    inner = ChildSpec("inner", Supervisor([on.child("b"), on.child("c", fails=(1,))]))
    future = start_supervisor(on.dispatcher, Supervisor([on.child("a"), inner]), block=False)
    on.clock.advance()
    with pytest.raises(ChildStartError) as caught:
        future.get(timeout=LONG)
    assert caught.value.child == "inner"
    assert "'c'" in str(caught.value)
    assert on.pass_() == ["start a", "start b", "fail c", "stop b", "stop a"]


@pytest.mark.parametrize("how", ["kill", "crash"])
def test_a_supervisor_that_is_killed_or_crashes_ends_after_all_of_its_children(
    on: Stage, how
) -> None:
    inner = ChildSpec("inner", Supervisor([on.child("b"), on.child("c")]))
    supervisor = on.supervise("a", inner)
    on.pass_()
    if how == "kill":
        supervisor.kill()
    else:
        supervisor.tell(pykka.messages.ProxyCall(attr_path=("no_such_thing",), args=(), kwargs={}))
    assert sorted(on.pass_()) == ["stop a", "stop b", "stop c"]
    assert_terminated(supervisor, Killed if how == "kill" else Crashed)
    assert on.dispatcher.actors() == []


def test_a_thousand_children_that_crash_at_once_are_all_back(on: Stage) -> None:
    names = [f"n{number}" for number in range(1000)]
    supervisor = on.supervise(*[on.child(name, backoff=AT_ONCE) for name in names])
    refs = [one.ref for one in supervisor.which_children()]
    with quiet():
        for ref in refs:
            ref.tell("crash")
        answers = [ref.ask("x", block=False) for ref in refs]
        on.pass_()
    assert [answer.get(timeout=LONG) for answer in answers] == [(name, 2, "x") for name in names]
    supervisor.stop(block=False)
    assert on.pass_() == [f"stop {name}" for name in reversed(names)]


class Bad(Worker):
    """Raises where it is told to."""

    def on_stop(self):
        super().on_stop()
        raise ValueError("in on_stop")

    def on_failure(self, *_error):
        raise SystemExit("in on_failure")


def test_hooks_that_raise_make_no_difference_to_who_is_restarted(on: Stage) -> None:
    supervisor = on.supervise(on.child("a", Bad), on.child("b"), strategy="one_for_all")
    on.pass_()
    supervisor.child("b").tell("crash")
    assert on.pass_() + on.pass_(1.0) == ["stop a", "start a", "start b"]
    supervisor.child("a").tell("crash")
    assert on.pass_() + on.pass_(1.0) == ["stop b", "start a", "start b"]
    supervisor.stop(block=False)
    assert on.pass_() == ["stop b", "stop a"]
    assert_terminated(supervisor, Normal)


@pytest.mark.parametrize("raised", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_a_factory_that_raises_is_a_start_that_fails(on: Stage, raised) -> None:
    calls: list[int] = []

    def factory(context):
        calls.append(context.incarnation)
        if context.incarnation == 2:
            raise raised
        return partial(Worker, "a", on.log)

    supervisor = on.supervise(ChildSpec("a", factory, backoff=WAIT))
    on.pass_()
    supervisor.child("a").tell("crash")
    assert on.pass_(1.0) == []
    assert on.pass_(1.0) == ["start a"]
    assert calls == [1, 2, 3]


# Children that do not stop.


def test_a_child_that_is_killed_brutally_is_not_asked_first(on: Stage) -> None:
    supervisor = on.supervise(on.child("a", shutdown=BRUTAL_KILL))
    ref = supervisor.child("a")
    supervisor.stop(block=False)
    on.pass_()
    assert_terminated(ref, Killed)
