"""The specification of a run: agents with names of their own, and rules that can be kept."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actorch.actors import AgentSpec, SpecError
from actorch.supervisors import RunSpec
from actorch.supervisors._quorum import Quorum
from specs import label, refused, unless_refused, without

AGENTS = tuple(AgentSpec(name, ["true"]) for name in "abc")
LABELS = ("name", "spec_id", "stage")


def test_a_run_needs_agents_alone():
    spec = RunSpec(AGENTS)
    assert (spec.agents, spec.required, spec.max_concurrent) == (AGENTS, 3, 10)
    assert (spec.name, spec.spec_id, spec.stage) == ("", "", "")
    assert (spec.deadline, spec.fail_fast, spec.on_impossible) == (None, False, "stop")
    assert RunSpec(list(AGENTS)) == spec


def test_a_run_keeps_a_copy_of_its_agents_in_their_order():
    agents = list(reversed(AGENTS))
    spec = RunSpec(agents)
    agents.clear()
    assert [agent.name for agent in spec.agents] == ["c", "b", "a"]


@pytest.mark.parametrize("value", [[], (), *without(list)], ids=label)
def test_a_run_has_a_list_of_one_agent_or_more(value):
    text = refused(RunSpec, value)
    assert text.startswith("agents: ")
    assert "a list of one AgentSpec or more" in text


@pytest.mark.parametrize(
    "value", [{"name": "a", "env": {"TOKEN": "hunter2"}}, "a", None], ids=label
)
def test_every_agent_is_an_agent_spec(value):
    text = refused(RunSpec, [AGENTS[0], value])
    assert text.startswith("agents[1]: ")
    assert "must be an AgentSpec" in text
    assert "hunter2" not in text


def test_the_names_of_the_agents_are_unique():
    text = refused(RunSpec, [*AGENTS, AgentSpec("b", ["false"])])
    assert text == "name: 'b' is not allowed: must be unique: another agent of the run has it, too"


@pytest.mark.parametrize("key", LABELS)
def test_a_label_is_any_printable_text(key):
    for text in ("", "x" * 200, "with space/and slash", "审查"):
        assert getattr(RunSpec(AGENTS, **{key: text}), key) == text


@pytest.mark.parametrize(
    "value", ["x" * 201, "a\nb", "\x1b[2J", "a\0b", "\ud800", *without(str)], ids=label
)
@pytest.mark.parametrize("key", LABELS)
def test_a_label_that_cannot_be_shown_is_refused(key, value):
    text = refused(RunSpec, AGENTS, **{key: value})
    assert text.startswith(f"{key}: ")
    assert "a string of at most 200 printable characters" in text


@pytest.mark.parametrize(
    ("written", "required"), [("all", 3), ("majority", 2), ("any", 1), ("1/2", 2), (2, 2), ("2", 2)]
)
def test_the_quorum_says_how_many_are_required(written, required):
    spec = RunSpec(AGENTS, quorum=written)
    assert spec.required == required
    assert isinstance(spec.quorum, Quorum)


@pytest.mark.parametrize(
    "value", [0, 4, "4", "3/2", "0/3", "2/0", True, None, 1.5, 10**5000], ids=label
)
def test_a_quorum_that_cannot_be_met_is_refused(value):
    assert refused(RunSpec, AGENTS, quorum=value).startswith("quorum: ")


@pytest.mark.parametrize("value", [0, -1, 1_000_001, 10**5000, True, *without(int)], ids=label)
def test_at_least_one_agent_runs_at_once(value):
    text = refused(RunSpec, AGENTS, max_concurrent=value)
    assert text.startswith("max_concurrent: ")
    assert "a whole number from 1 to 1000000" in text


def test_more_may_run_at_once_than_there_are():
    assert RunSpec(AGENTS, max_concurrent=1_000_000).max_concurrent == 1_000_000


def test_a_deadline_is_a_number_of_seconds():
    assert RunSpec(AGENTS, deadline=5).deadline == 5.0
    assert type(RunSpec(AGENTS, deadline=5).deadline) is float


@pytest.mark.parametrize(
    "value", [0, -1, math.nan, math.inf, 10**400, 1e9, "5m", True, []], ids=label
)
def test_a_deadline_that_is_no_sensible_number_of_seconds_is_refused(value):
    text = refused(RunSpec, AGENTS, deadline=value)
    assert text.startswith("deadline: ")
    assert "a number of seconds" in text


@pytest.mark.parametrize("value", without(bool), ids=label)
def test_fail_fast_is_true_or_false(value):
    assert refused(RunSpec, AGENTS, fail_fast=value).startswith("fail_fast: ")


@pytest.mark.parametrize("value", ["", "Stop", "wait", *without(str)], ids=label)
def test_a_run_stops_or_continues_once_its_quorum_is_impossible(value):
    text = refused(RunSpec, AGENTS, on_impossible=value)
    assert text.startswith("on_impossible: ")
    assert '"stop" or "continue"' in text


def test_a_changed_copy_is_checked_as_well():
    spec = RunSpec(AGENTS, quorum=3)
    assert msgspec.structs.replace(spec, quorum="any").required == 1
    for change in ({"quorum": 4}, {"deadline": -1}, {"agents": AGENTS[:2]}, {"max_concurrent": 0}):
        with pytest.raises(SpecError):
            msgspec.structs.replace(spec, **change)


def test_its_repr_is_a_status_line():
    assert repr(RunSpec(AGENTS, quorum="any")) == "<RunSpec unnamed: 1 of 3 agents>"
    assert repr(RunSpec(AGENTS, name="gate")) == "<RunSpec gate: 3 of 3 agents>"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(RunSpec.__struct_fields__), anything))
def test_anything_is_a_run_or_a_spec_error(fields):
    spec = unless_refused(RunSpec, **{"agents": AGENTS, **fields})
    assert spec is None or 1 <= spec.required <= len(spec.agents)
