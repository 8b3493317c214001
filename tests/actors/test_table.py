"""The agent table: stale rows are dropped, revisions grow, snapshots never change."""

from hypothesis import given
from hypothesis import strategies as st

from actorch.actors._states import AgentState
from actorch.actors._table import AgentRow, AgentTable, RunRow


def row(state=AgentState.RUNNING, attempt=1, name="a", **rest):
    return AgentRow(run_id="r", name=name, state=state, attempt=attempt, **rest)


def test_a_final_row_is_never_replaced():
    table = AgentTable()
    table.put_agent(row(AgentState.CANCELLED))
    assert table.put_agent(row(AgentState.SUCCEEDED)) is None
    assert table.snapshot(0).agents[0].state is AgentState.CANCELLED


def test_a_row_of_an_earlier_attempt_is_dropped():
    table = AgentTable()
    table.put_agent(row(attempt=2))
    assert table.put_agent(row(attempt=1)) is None


def test_a_final_row_without_an_attempt_keeps_what_was_known():
    table = AgentTable()
    table.put_agent(row(attempt=2, started=5.0))
    new, old = table.put_agent(row(AgentState.FAILED, attempt=0))
    assert (new.attempt, new.started, old.attempt) == (2, 5.0, 2)


def test_a_snapshot_does_not_change_with_the_table():
    table = AgentTable()
    table.put_agent(row())
    before = table.snapshot(1.0)
    table.put_agent(row(AgentState.STOPPING))
    assert before.agents[0].state is AgentState.RUNNING
    assert table.snapshot(2.0).agents[0].state is AgentState.STOPPING


def test_an_unchanged_table_shares_its_rows_between_snapshots():
    table = AgentTable()
    table.put_agent(row())
    first, second = table.snapshot(1.0), table.snapshot(2.0)
    assert first.agents is second.agents
    assert (first.now, second.now) == (1.0, 2.0)


def test_a_forgotten_run_takes_its_agents_along():
    table = AgentTable()
    table.put_run(RunRow(run_id="r"))
    table.put_agent(row())
    table.forget_run("r")
    snapshot = table.snapshot(0)
    assert (snapshot.runs, snapshot.agents) == ((), ())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(AgentState), st.integers(0, 3))))
def test_revisions_only_grow_and_every_taken_row_has_its_own(changes):
    table = AgentTable()
    seen = []
    for name, state, attempt in changes:
        if taken := table.put_agent(row(state, attempt, name)):
            seen.append(taken[0].revision)
    assert seen == sorted(set(seen))
    assert table.snapshot(0).revision == table.revision
