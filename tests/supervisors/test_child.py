"""Children: what can be started, what fits together, and what a factory may return."""

import functools
import math
import re

import msgspec
import pykka
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actorch.actors import Actor, AgentSpec, SpecError, StopPlan
from actorch.supervisors._budget import Budget
from actorch.supervisors._child import (
    BRUTAL_KILL,
    INFINITY,
    ChildSpec,
    ShutdownRule,
    kind_of,
    what_to_start,
)
from actorch.supervisors._restart_backoff import RestartBackoff
from actorch.supervisors._restart_context import RestartContext
from actorch.supervisors._tree import DynamicSupervisor, Supervisor
from specs import checked, label, refused, unless_refused, without

SECRET = "hunter2"


class Worker(Actor):
    """An actor of ours."""


class Threaded(pykka.ThreadingActor):
    """An actor of pykka's, as it is."""


class NoActor:
    """A class whose instances could even be called."""

    def __call__(self, context):
        return AGENT


class Factory:
    """A factory that is an object."""

    def __call__(self, context):
        return AGENT


AGENT = AgentSpec("lint", ["true"])
CONTEXT = RestartContext(incarnation=2)


def factory(context):
    return AGENT


async def asynchronous(context):
    return AGENT


STARTS = {
    "our class": (Worker, "actor"),
    "pykka's class": (Threaded, "actor"),
    "partial of ours": (functools.partial(Worker, 1, two=2), "actor"),
    "partial of pykka's": (functools.partial(Threaded), "actor"),
    "agent": (AGENT, "agent"),
    "supervisor": (Supervisor(), "supervisor"),
    "dynamic": (DynamicSupervisor(), "supervisor"),
    "function": (factory, "factory"),
    "lambda": (lambda context: Worker, "factory"),
    "partial of a function": (functools.partial(factory), "factory"),
    "object": (Factory(), "factory"),
}
NO_STARTS = {
    "nothing": None,
    "text": SECRET,
    "number": 5,
    "list": [Worker],
    "instance": NoActor,
    "pykka's root": pykka.Actor,
    "the class of agents": AgentSpec,
    "partial of no actor": functools.partial(NoActor, SECRET),
    "object that is not callable": object(),
    "coroutine function": asynchronous,
}
by_kind = {
    kind: [start for start, of in STARTS.values() if of == kind] for _, kind in STARTS.values()
}
NO_AGENTS = by_kind["actor"] + by_kind["supervisor"]


def child(start=Worker, **rest):
    return ChildSpec("a", start, **rest)


@pytest.mark.parametrize(("start", "kind"), STARTS.values(), ids=list(STARTS))
def test_what_can_be_started_has_a_kind(start, kind):
    assert kind_of(start) == kind
    assert child(start).start is start
    assert repr(child(start)) == f"<ChildSpec a: transient {kind}>"


@pytest.mark.parametrize("start", NO_STARTS.values(), ids=list(NO_STARTS))
def test_what_cannot_be_started_is_refused_without_being_shown(start):
    assert kind_of(start) is None
    text = refused(child, start)
    assert text.startswith("child.a.start: ")
    assert "AgentSpec" in text
    assert SECRET not in text


def test_a_child_is_restarted_after_failures_unless_told_otherwise():
    made = child()
    assert (made.restart, made.shutdown, made.significant) == ("transient", None, False)
    assert (made.backoff, made.budget, made.resume) == (RestartBackoff(), None, None)


@pytest.mark.parametrize("value", ["", "x" * 201, "a\nb", "\udfff", *without(str)], ids=label)
def test_an_id_is_a_short_printable_string(value):
    text = refused(ChildSpec, value, Worker)
    assert text.startswith("child.id: ")
    assert "1 to 200 printable characters" in text


@pytest.mark.parametrize("value", ["a", "x" * 200, "naïve agent / 7", "日本"])
def test_an_id_may_hold_what_can_be_printed(value):
    assert ChildSpec(value, Worker).id == value


def test_arguments_are_copied():
    args, kwargs = [1], {"two": 2}
    made = child(args=args, kwargs=kwargs)
    args.append(3)
    kwargs["three"] = 3
    assert (made.args, made.kwargs) == ((1,), {"two": 2})
    made_again = what_to_start(made, CONTEXT)
    made_again[2]["four"] = 4
    assert what_to_start(made, CONTEXT) == (Worker, (1,), {"two": 2})


@pytest.mark.parametrize("value", without(list), ids=label)
def test_arguments_are_a_list_or_a_tuple(value):
    assert refused(child, args=value).startswith("child.a.args: ")


@pytest.mark.parametrize("value", [{1: SECRET}, *without(dict)], ids=label)
def test_named_arguments_are_a_dictionary_with_strings_as_keys(value):
    text = refused(child, kwargs=value)
    assert text.startswith("child.a.kwargs: ")
    assert SECRET not in text


@pytest.mark.parametrize(
    "start", [one for one, _ in STARTS.values() if not isinstance(one, type)], ids=repr
)
@pytest.mark.parametrize("arguments", [{"args": [SECRET]}, {"kwargs": {"token": SECRET}}], ids=list)
def test_arguments_are_for_the_class_of_an_actor_and_never_shown(start, arguments):
    text = refused(child, start, **arguments)
    assert text.startswith(f"child.a.{next(iter(arguments))}: ")
    assert SECRET not in text


def test_a_child_is_shown_without_its_arguments():
    made = child(args=[SECRET], kwargs={"token": SECRET})
    assert SECRET not in repr(made)


@pytest.mark.parametrize("value", ["", "always", *without(str)], ids=label)
def test_a_restart_type_that_does_not_exist_is_refused(value):
    text = refused(child, restart=value)
    assert text.startswith("child.a.restart: ")
    assert "one of permanent, transient, temporary" in text


@pytest.mark.parametrize("value", [None, 5, 0.1, BRUTAL_KILL, INFINITY])
@pytest.mark.parametrize("start", [start for start, _ in STARTS.values()], ids=list(STARTS))
def test_every_kind_of_child_may_have_seconds_or_a_rule_for_its_end(start, value):
    assert child(start, shutdown=value).shutdown == value


@pytest.mark.parametrize(
    "value", [0, -1, True, math.inf, *without(int, float, type(None))], ids=label
)
def test_what_is_no_time_to_end_is_refused(value):
    text = refused(child, shutdown=value)
    assert text.startswith("child.a.shutdown: ")
    assert "a number of seconds, a StopPlan, BRUTAL_KILL, INFINITY or None" in text


@pytest.mark.parametrize("start", by_kind["agent"] + by_kind["factory"], ids=kind_of)
def test_signals_are_for_agents_and_for_factories_which_may_make_one(start):
    plan = StopPlan.parse("INT 9s")
    assert child(start, shutdown=plan).shutdown is plan


@pytest.mark.parametrize("start", NO_AGENTS, ids=kind_of)
def test_signals_are_not_for_actors_nor_for_supervisors(start):
    assert refused(child, start, shutdown=StopPlan()).startswith("child.a.shutdown: ")


def test_the_rules_for_an_end_are_shown_by_their_names():
    assert [repr(rule) for rule in ShutdownRule] == ["BRUTAL_KILL", "INFINITY"]
    assert list(ShutdownRule) == [BRUTAL_KILL, INFINITY]


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
def test_a_permanent_child_cannot_be_significant(restart):
    assert child(restart=restart).significant is False
    if restart != "permanent":
        assert child(restart=restart, significant=True).significant is True
    else:
        text = refused(child, restart=restart, significant=True)
        assert text.startswith("child.a.significant: True")


@pytest.mark.parametrize("value", [0, 1, *without(bool)], ids=label)
def test_significant_is_true_or_false(value):
    assert refused(child, significant=value).startswith("child.a.significant: ")


@pytest.mark.parametrize("value", [Budget(), *without()], ids=label)
def test_a_backoff_is_one_for_restarts(value):
    assert refused(child, backoff=value).startswith("child.a.backoff: ")


@pytest.mark.parametrize("value", [RestartBackoff(), *without(type(None))], ids=label)
def test_a_budget_is_one_or_left_to_the_supervisor(value):
    assert refused(child, budget=value).startswith("child.a.budget: ")
    assert child(budget=Budget(1)).budget == Budget(1)


@pytest.mark.parametrize("start", by_kind["agent"] + by_kind["factory"], ids=kind_of)
def test_what_to_resume_from_is_found_in_what_an_agent_prints(start):
    assert child(start, resume=r"session: (\w+)").resume == r"session: (\w+)"


@pytest.mark.parametrize("start", NO_AGENTS, ids=kind_of)
def test_actors_and_supervisors_print_nothing_to_resume_from(start):
    assert refused(child, start, resume="(x)").startswith("child.a.resume: ")


@pytest.mark.parametrize(
    "value",
    [
        *("", "x", "(a)(b)", "(?:x)", "(", "*", "[", r"\1", "(x){9999999999999}", "a\0(b)"),
        *("(" * 5000 + ")" * 5000, *without(str, type(None))),
    ],
    ids=label,
)
def test_a_pattern_without_exactly_one_group_is_refused(value):
    text = refused(child, AGENT, resume=value)
    assert text.startswith("child.a.resume: ")
    assert "a regular expression" in text


@example("[[")  # of which re warns, here as an error
@given(st.text() | st.text(r"(?:P<a>)[]|*+{1,}\d^$"))
def test_any_text_is_a_pattern_with_one_group_or_a_spec_error(text):
    made = unless_refused(child, AGENT, resume=text)
    if made is not None:
        assert re.compile(made.resume).groups == 1


def test_a_child_changed_by_hand_is_checked_as_well():
    refused(msgspec.structs.replace, child(), restart="junk")


@pytest.mark.parametrize("start", [AGENT, Supervisor(), DynamicSupervisor()], ids=kind_of)
def test_a_spec_is_started_as_it_is(start):
    assert what_to_start(child(start), CONTEXT) is start


@pytest.mark.parametrize("actor_class", [Worker, Threaded])
def test_a_class_is_started_with_its_arguments(actor_class):
    spec = child(actor_class, args=(1,), kwargs={"two": 2})
    assert what_to_start(spec, CONTEXT) == (actor_class, (1,), {"two": 2})
    spec = child(functools.partial(actor_class, 1, two=2))
    assert what_to_start(spec, CONTEXT) == (actor_class, (1,), {"two": 2})


def test_a_factory_is_asked_each_time_with_what_is_known_by_then():
    asked = []

    def resuming(context):
        asked.append(context)
        return AgentSpec("resumed", ["true", *filter(None, [context.resume_token])])

    spec = child(resuming)
    contexts = [RestartContext(), RestartContext(2, resume_token="t")]
    made = [what_to_start(spec, context) for context in contexts]
    assert [one.argv for one in made] == [("true",), ("true", "t")]
    assert asked == contexts


@pytest.mark.parametrize(
    ("start", "kind"),
    [pair for pair in STARTS.values() if pair[1] != "factory"],
    ids=[name for name, pair in STARTS.items() if pair[1] != "factory"],
)
def test_what_a_factory_returns_is_what_might_have_been_given_instead(start, kind):
    made = what_to_start(child(lambda context: start), CONTEXT)
    assert made == what_to_start(child(start), CONTEXT)


@pytest.mark.parametrize(
    "result", [factory, ChildSpec("b", Worker), *NO_STARTS.values()], ids=label
)
def test_a_factory_that_returns_nothing_to_start_is_refused_without_its_result_being_shown(result):
    with pytest.raises(SpecError) as caught:
        what_to_start(child(lambda context: result), CONTEXT)
    assert caught.value.key == "child.a.start"
    text = checked(caught.value)
    assert "a function that returns an Actor" in text
    assert SECRET not in text


def test_what_a_factory_raises_is_its_own():
    def failing(context):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        what_to_start(child(failing), CONTEXT)
