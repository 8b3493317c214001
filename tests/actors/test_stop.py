"""Stop steps: signals that end programs, each with a wait, and SIGKILL at the end anyway."""

import math
import signal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.actors import SpecError, StopPlan, StopStep
from specs import label, refused, unless_refused, without

ENDING = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "ABRT", "PIPE")
ENDS_NOTHING = ("CHLD", "CLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "WINCH")


def steps(*pairs):
    return StopPlan(tuple(StopStep(getattr(signal, f"SIG{name}"), wait) for name, wait in pairs))


def test_the_default_is_sigterm_and_five_seconds():
    assert StopPlan() == steps(("TERM", 5.0))
    assert str(StopPlan()) == "SIGTERM 5s SIGKILL"


@pytest.mark.parametrize(
    "written",
    [
        ["INT", "10s", "TERM", "5s", "KILL"],
        ["INT", "10s", "TERM", "5s"],
        ["SIGINT", 10, "SIGTERM", 5.0, "SIGKILL"],
        ("INT", "10", "TERM", "5s"),
        "INT 10s TERM 5s KILL",
        "  INT  10s TERM 5s ",
    ],
)
def test_steps_are_signals_and_waits_and_kill_may_be_left_out(written):
    assert StopPlan.parse(written) == steps(("INT", 10), ("TERM", 5))


@pytest.mark.parametrize("written", [["KILL"], ["SIGKILL"], "KILL"])
def test_kill_alone_ends_the_tree_at_once(written):
    assert StopPlan.parse(written) == StopPlan(())
    assert str(StopPlan(())) == "SIGKILL"


def test_a_wait_may_be_zero():
    assert StopPlan.parse(["TERM", 0, "KILL"]) == steps(("TERM", 0.0))


def test_a_list_is_taken_apart_without_being_changed():
    written = ["TERM", "5s", "KILL"]
    StopPlan.parse(written)
    assert written == ["TERM", "5s", "KILL"]


@given(
    st.lists(
        st.tuples(st.sampled_from(ENDING), st.integers(0, 10**9).map(lambda n: n / 1000)),
        max_size=5,
    )
)
def test_a_plan_as_it_is_shown_can_be_read_again(pairs):
    plan = steps(*pairs)
    assert StopPlan.parse(str(plan)) == plan


@pytest.mark.parametrize(
    "written",
    [
        [],
        "",
        " ",
        ["TERM"],
        ["TERM", "KILL"],
        ["TERM", "5s", "INT"],
        ["TERM", "5s", "INT", "KILL"],
        ["5s"],
        "TERM",
        *without(list, str),
    ],
    ids=label,
)
def test_steps_without_their_waits_are_refused_with_an_example(written):
    text = refused(StopPlan.parse, written)
    assert text.startswith("stop: ")
    assert '["TERM", "5s", "KILL"]' in text


@pytest.mark.parametrize("written", [["KILL", "5s"], ["KILL", "1s", "TERM", "5s", "KILL"]])
def test_kill_stands_last(written):
    assert "'KILL' is not allowed: must be last" in refused(StopPlan.parse, written)


@pytest.mark.parametrize(
    "name", ["", "term", "SIG", "SIGSIGTERM", "NOPE", "TERM\n", "\u0663", 15, None]
)
def test_a_signal_that_does_not_exist_is_named(name):
    text = refused(StopPlan.parse, [name, "5s"], "agent.a.stop")
    assert text.startswith("agent.a.stop: ")
    assert "a signal that ends programs" in text


@pytest.mark.parametrize("name", ENDS_NOTHING)
def test_a_signal_that_ends_nothing_is_refused(name):
    for written in (name, f"SIG{name}"):
        assert "a signal that ends programs" in refused(StopPlan.parse, [written, "5s"])
    assert "a signal that ends programs" in refused(StopStep, getattr(signal, f"SIG{name}"), 5)


@pytest.mark.parametrize(
    "wait", ["", "soon", "-5s", -1, math.nan, math.inf, True, None, "KILL", []]
)
def test_a_wait_that_is_no_duration_is_named(wait):
    text = refused(StopPlan.parse, ["TERM", wait, "KILL"])
    assert text.startswith("stop: ")
    assert "a duration such as" in text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
    | st.lists(st.sampled_from(["TERM", "INT", "KILL", "5s", "1m", 3, 0.5, "CONT"]))
)
def test_anything_is_a_plan_or_a_spec_error(written):
    plan = unless_refused(StopPlan.parse, written)
    assert plan is None or all(step.wait >= 0 for step in plan.steps)


@pytest.mark.parametrize(
    "number", [0, -1, 32, signal.NSIG, 10**5000, True, "TERM", None, 15.0], ids=label
)
def test_a_step_has_the_number_of_a_signal(number):
    assert refused(StopStep, number, 5).startswith("stop.signal: ")


@pytest.mark.parametrize("wait", [-1, math.nan, math.inf, 10**400, "5s", None, True], ids=label)
def test_a_step_has_a_number_of_seconds(wait):
    assert refused(StopStep, 15, wait).startswith("stop.wait: ")


def test_a_step_is_kept_as_plain_numbers():
    step = StopStep(signal.SIGTERM, 5)
    assert (type(step.signal), type(step.wait)) == (int, float)


@pytest.mark.parametrize("value", [None, 3, "TERM 5s", ["TERM", "5s"], [15, 5.0], {}])
def test_a_plan_is_made_of_steps(value):
    text = refused(StopPlan, value)
    assert text.startswith("stop.steps: ")
    assert "StopPlan.parse" in text


def test_a_plan_keeps_its_steps_as_a_tuple():
    assert StopPlan([StopStep(15, 5)]).steps == (StopStep(15, 5.0),)


def test_a_changed_copy_is_checked_as_well():
    with pytest.raises(SpecError):
        msgspec.structs.replace(StopPlan(), steps="junk")
