"""A fleet goes from its specifications to a verdict, on real processes."""

import asyncio
import os
import sqlite3
import threading

import pytest

from actorch.actors import (
    AgentChanged,
    AgentOutput,
    AgentSpec,
    AgentState,
    InsufficientAgentsError,
    NonZeroExitError,
    PartialFailureError,
    RetryPolicy,
    RunStoppedError,
    RunTimeoutError,
    SpecError,
    StopPlan,
    StopStep,
    TotalFailureError,
)
from actorch.actors.testing import RecordedEvents
from actorch.supervisors import ActorSystem, Verdict
from fleets import CEILING, at_once, gone, python, shell, wait_for_file


def rows(state, table):
    connection = sqlite3.connect(f"{state}/history.db")
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY rowid")]
    finally:
        connection.close()


def test_all_agents_that_succeed_make_a_run_ok(system):
    run = system.run([shell("a", "echo hello"), shell("b", "echo err >&2")])
    result = run.wait(CEILING)
    assert result.verdict is Verdict.OK
    assert result["a"].stdout == "hello\n"
    assert result["b"].stderr == "err\n"
    assert result["a"].exit.code == 0
    assert result.raise_for_verdict() is result


def test_a_quorum_that_is_met_in_spite_of_a_failure_is_degraded(system):
    fleet = [shell("a", "true"), shell("b", "echo broken >&2; exit 7"), shell("c", "true")]
    result = system.run(fleet, quorum="2/3").wait(CEILING)
    assert result.verdict is Verdict.DEGRADED
    assert [agent.name for agent in result.successes] == ["a", "c"]
    assert isinstance(result["b"].error, NonZeroExitError)
    assert (result["b"].error.code, result["b"].error.stderr_tail) == (7, "broken")
    with pytest.raises(PartialFailureError) as caught:
        result.raise_for_verdict()
    assert [agent.name for agent in caught.value.failures] == ["b"]


def test_a_quorum_that_is_not_met_fails_the_run_and_keeps_the_results(system):
    fleet = [shell("a", "true"), shell("b", "exit 1")]
    result = system.run(fleet, on_impossible="continue").wait(CEILING)
    assert result.verdict is Verdict.FAILED
    with pytest.raises(InsufficientAgentsError) as caught:
        result.raise_for_verdict()
    assert (caught.value.required, caught.value.actual) == (2, 1)
    assert result["a"].ok


def test_no_success_at_all_is_a_total_failure(system):
    result = system.run([shell("a", "exit 1")]).wait(CEILING)
    with pytest.raises(TotalFailureError):
        result.raise_for_verdict()


def test_a_run_whose_quorum_has_become_impossible_stops_at_once(system):
    fleet = [shell("bad", "exit 1"), shell("slow", "exec sleep 600")]
    result = system.run(fleet).wait(CEILING)
    assert result.verdict is Verdict.FAILED
    assert result["slow"].state is AgentState.CANCELLED
    assert "quorum" in result["slow"].error.message


def test_an_impossible_quorum_lets_the_rest_go_on_when_told_to(system):
    fleet = [shell("bad", "exit 1"), shell("good", "echo done")]
    result = system.run(fleet, on_impossible="continue").wait(CEILING)
    assert result["good"].stdout == "done\n"


def test_fail_fast_stops_the_others_at_the_first_failure(system):
    fleet = [shell("bad", "exit 1"), shell("slow", "exec sleep 600")]
    result = system.run(fleet, quorum="any", fail_fast=True).wait(CEILING)
    assert result["slow"].state is AgentState.CANCELLED
    assert result.verdict is Verdict.FAILED


def test_no_more_agents_run_at_once_than_there_are_slots(system, tmp_path):
    script = f"cd {tmp_path}; touch run.$$; ls run.* | wc -l; rm run.$$; touch done.$$"
    fleet = [shell(f"a{i}", script) for i in range(20)]
    result = system.run(fleet, max_concurrent=3).wait(CEILING)
    assert result.verdict is Verdict.OK
    assert max(int(agent.stdout) for agent in result.agents) <= 3


def test_agents_start_in_the_order_of_the_fleet(system, tmp_path):
    fleet = [shell(name, f"echo {name} >> {tmp_path}/order") for name in "dacb"]
    system.run(fleet, max_concurrent=1).wait(CEILING)
    assert (tmp_path / "order").read_text().split() == list("dacb")


def test_every_agent_is_told_who_it_is(system):
    names = ["ACTORCH_RUN_ID", "ACTORCH_AGENT", "ACTORCH_ATTEMPT", "SPEC_ID", "STAGE", "OWN"]
    script = "; ".join(f'echo "${name}"' for name in names)
    run = system.run([shell("who", script, env={"OWN": "x y"})], spec_id="S-1", stage="plan")
    assert run.wait(CEILING)["who"].stdout.splitlines() == [
        run.id,
        "who",
        "1",
        "S-1",
        "plan",
        "x y",
    ]


def test_a_prompt_arrives_on_standard_input_whole(system):
    prompt = "0123456789" * 1_000_000
    result = system.run([shell("wc", "wc -c", stdin=prompt)]).wait(CEILING)
    assert result["wc"].stdout.strip() == "10000000"


@pytest.mark.parametrize("script", ["exit 0", "exec <&-; exit 0"])
def test_an_agent_that_does_not_read_its_prompt_still_succeeds(system, script):
    result = system.run([shell("rude", script, stdin="x" * 10_000_000)]).wait(CEILING)
    assert result.verdict is Verdict.OK


def test_standard_input_is_at_its_end_when_none_is_given(system):
    assert system.run([shell("cat", "cat")]).wait(CEILING).verdict is Verdict.OK


def test_success_codes_say_what_success_is(system):
    result = system.run([shell("grep", "exit 1", success_codes=(0, 1))]).wait(CEILING)
    assert result.verdict is Verdict.OK
    assert result["grep"].exit.code == 1


def test_a_plain_failure_is_not_tried_again(system):
    result = system.run([shell("a", "exit 1", retry=at_once(3))]).wait(CEILING)
    assert len(result["a"].attempts) == 1


def test_a_failure_is_tried_again_when_asked_and_may_then_succeed(system, tmp_path):
    script = (
        f"echo $ACTORCH_ATTEMPT; test -e {tmp_path}/seen || {{ touch {tmp_path}/seen; exit 1; }}"
    )
    retry = at_once(3, retry_on="any")
    result = system.run([shell("flaky", script, retry=retry)]).wait(CEILING)
    assert result.verdict is Verdict.OK
    first, second = result["flaky"].attempts
    assert (first.state, first.exit.code) == (AgentState.FAILED, 1)
    assert second.state is AgentState.SUCCEEDED
    assert result["flaky"].stdout == "2\n"
    with open(first.stdout_path) as file:
        assert file.read() == "1\n"


def test_attempts_end_when_they_are_used_up(system):
    retry = at_once(3, retry_on="exit")
    result = system.run([shell("bad", "exit 9", retry=retry)]).wait(CEILING)
    assert [attempt.exit.code for attempt in result["bad"].attempts] == [9, 9, 9]


def test_exit_code_75_is_transient(system):
    result = system.run([shell("temp", "exit 75", retry=at_once(2))]).wait(CEILING)
    assert len(result["temp"].attempts) == 2


def test_a_command_that_does_not_exist_is_never_tried_again(system):
    spec = AgentSpec("ghost", ["no-such-program-anywhere"], retry=at_once(3, retry_on="any"))
    result = system.run([spec]).wait(CEILING)
    assert result["ghost"].error.kind == "spawn_failed"
    assert "command not found: no-such-program-anywhere" in result["ghost"].error.message


def test_an_agent_that_takes_too_long_has_timed_out_even_if_it_then_exits_0(system):
    script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done"
    result = system.run([shell("slow", script, timeout=0.3)]).wait(CEILING)
    assert result["slow"].state is AgentState.TIMED_OUT
    assert result["slow"].exit.code == 0
    assert result["slow"].exit.requested
    assert result["slow"].stdout == "up\nbye\n"
    assert result.verdict is Verdict.FAILED


def test_an_agent_that_ignores_sigterm_is_killed_after_the_grace(system):
    stop = StopPlan((StopStep(15, 0.2),))
    script = "trap '' TERM; echo up; while :; do sleep 0.01; done"
    result = system.run([shell("deaf", script, timeout=0.3, stop=stop)]).wait(CEILING)
    assert result["deaf"].exit.signal == 9
    assert result["deaf"].exit.killed >= 1
    assert result["deaf"].state is AgentState.TIMED_OUT


def test_a_silent_agent_is_ended_and_a_talking_one_is_not(system):
    talking = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $i; sleep 0.1; done"
    fleet = [
        shell("talks", talking, idle_timeout=0.9),
        shell("silent", "echo once; exec sleep 600", idle_timeout=0.3),
    ]
    result = system.run(fleet, on_impossible="continue").wait(CEILING)
    assert result["talks"].ok
    assert result["silent"].state is AgentState.TIMED_OUT
    assert result["silent"].error.limit == "idle_timeout"


def test_the_deadline_stops_the_run_and_leaves_each_agent_its_grace(system):
    script = "trap 'sleep 0.3; echo saved; exit 0' TERM; echo up; while :; do sleep 0.01; done"
    result = system.run([shell("a", script)], deadline=0.4).wait(CEILING)
    assert result.verdict is Verdict.TIMED_OUT
    assert result["a"].stdout == "up\nsaved\n"
    with pytest.raises(RunTimeoutError):
        result.raise_for_verdict()


def test_a_timed_out_attempt_is_tried_again_after_its_tree_is_gone(system, tmp_path):
    script = (
        f"mkdir {tmp_path}/lock || exit 9; (trap '' TERM; while :; do sleep 0.01; done) & "
        f"trap 'exit 0' TERM; trap 'rmdir {tmp_path}/lock' EXIT; echo up; wait"
    )
    stop = StopPlan((StopStep(15, 0.2),))
    spec = shell("locked", script, timeout=0.4, stop=stop, retry=at_once(2))
    result = system.run([spec]).wait(CEILING)
    states = [attempt.state for attempt in result["locked"].attempts]
    assert states == [AgentState.TIMED_OUT, AgentState.TIMED_OUT]


def test_waiting_too_briefly_raises_and_leaves_the_run_going(system, tmp_path):
    script = f"until test -e {tmp_path}/go; do sleep 0.01; done; echo done"
    run = system.run([shell("a", "echo first"), shell("b", script)])
    with pytest.raises(RunTimeoutError, match="goes on"):
        run.wait(0.2)
    assert not run.done()
    (tmp_path / "go").touch()
    assert run.wait(CEILING).verdict is Verdict.OK


def test_results_so_far_are_there_while_the_run_goes_on(system, tmp_path):
    ended = threading.Event()

    def note(_sender, *, event):
        if event.agent.name == "quick" and event.agent.state.final:
            ended.set()

    system.events.agent_changed.connect(note)
    run = system.run([shell("quick", "echo hi"), shell("slow", "exec sleep 600")])
    assert ended.wait(CEILING)
    while not run.results().agents:
        pass
    assert run.results().verdict is None
    assert run.results()["quick"].stdout == "hi\n"
    run.stop()
    assert run.wait(CEILING)["quick"].ok


def test_a_stopped_run_is_cancelled_and_stopping_again_changes_nothing(system, tmp_path):
    run = system.run(
        [shell("a", f"touch {tmp_path}/up; exec sleep 600"), shell("b", "sleep 600")],
        max_concurrent=1,
    )
    wait_for_file(tmp_path / "up")
    run.stop()
    run.stop()
    result = run.wait(CEILING)
    run.stop()
    assert result.verdict is Verdict.CANCELLED
    assert {agent.state for agent in result.agents} == {AgentState.CANCELLED}
    assert result["b"].attempts == ()
    with pytest.raises(RunStoppedError):
        result.raise_for_verdict()


def test_a_kill_does_not_wait_for_the_grace(system, tmp_path):
    script = f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 0.01; done"
    run = system.run([shell("deaf", script)])
    wait_for_file(tmp_path / "up")
    run.stop()
    run.kill()
    assert run.wait(4.0)["deaf"].exit.signal == 9


def test_a_stop_beats_a_pending_retry(system):
    def is_waiting(event):
        return isinstance(event, AgentChanged) and event.agent.state is AgentState.BACKOFF

    retry = RetryPolicy(max_attempts=2, retry_on="any")
    with RecordedEvents(system) as events:
        run = system.run([shell("bad", "exit 1", retry=retry)])
        events.wait_for(is_waiting, CEILING)
    run.stop()
    result = run.wait(CEILING)
    assert result["bad"].state is AgentState.CANCELLED
    assert len(result["bad"].attempts) == 1


def test_a_run_can_be_awaited_without_blocking_the_event_loop(system):
    async def main():
        beats = 0

        async def heart():
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0.01)

        beating = asyncio.create_task(heart())
        result = await system.run([shell("a", "sleep 0.3; echo hi")])
        beating.cancel()
        return result, beats

    result, beats = asyncio.run(main())
    assert result["a"].stdout == "hi\n"
    assert beats >= 5


def test_several_systems_live_in_one_process(state, tmp_path):
    with ActorSystem(state_dir=state) as one, ActorSystem(state_dir=str(tmp_path / "two")) as two:
        first, second = one.run([shell("a", "echo 1")]), two.run([shell("a", "echo 2")])
        assert first.wait(CEILING)["a"].stdout == "1\n"
        assert second.wait(CEILING)["a"].stdout == "2\n"


def test_leaving_the_system_stops_what_still_runs(state, tmp_path):
    with ActorSystem(state_dir=state) as system:
        run = system.run(
            [
                shell(
                    "a",
                    f"echo $$ > {tmp_path}/pid.tmp; mv {tmp_path}/pid.tmp "
                    f"{tmp_path}/pid; exec sleep 600",
                )
            ]
        )
        wait_for_file(tmp_path / "pid")
    assert gone(int((tmp_path / "pid").read_text()))
    assert run.wait(0).verdict is Verdict.CANCELLED


def test_a_wrong_specification_starts_nothing(system, tmp_path):
    fleet = [shell("same", f"touch {tmp_path}/ran"), shell("same", "true")]
    with pytest.raises(SpecError, match="same"):
        system.run(fleet)
    with pytest.raises(SpecError, match="quorum"):
        system.run([shell("a", f"touch {tmp_path}/ran")], quorum=2)
    assert not (tmp_path / "ran").exists()
    assert system.snapshot().runs == ()


def test_results_are_on_disk_before_anybody_is_told(state, system):
    seen = []

    def note(_sender, *, event):
        if event.agent.state.final:
            seen.append([row["state"] for row in rows(state, "agents")])

    system.events.agent_changed.connect(note)
    system.run([shell("a", "true")]).wait(CEILING)
    assert seen == [["succeeded"]]


def test_history_has_one_row_for_each_run_agent_and_attempt(state, system):
    fleet = [shell("a", "exit 3", retry=at_once(2, retry_on="any")), python("b", "print(1)")]
    run = system.run(fleet, name="nightly", quorum="any", spec_id="S")
    run.wait(CEILING)
    (run_row,) = rows(state, "runs")
    assert (run_row["id"], run_row["name"], run_row["state"]) == (run.id, "nightly", "degraded")
    assert [(row["name"], row["state"], row["attempts"]) for row in rows(state, "agents")] == [
        ("a", "failed", 2),
        ("b", "succeeded", 1),
    ]
    attempts = sorted(rows(state, "attempts"), key=lambda row: (row["agent"], row["number"]))
    assert [(row["agent"], row["exit_code"], row["signal"]) for row in attempts] == [
        ("a", 3, None),
        ("a", 3, None),
        ("b", 0, None),
    ]
    assert all(row["pid"] and row["start_time"] and row["max_rss"] for row in attempts)


def test_the_row_of_an_attempt_is_written_before_its_process_starts(state, system):
    query = "import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute("
    query += "'SELECT count(*) FROM attempts').fetchone()[0])"
    spec = python("self", query)
    spec = AgentSpec("self", [*spec.command, f"{state}/history.db"])
    assert system.run([spec]).wait(CEILING)["self"].stdout == "1\n"


def test_snapshots_show_every_agent_with_growing_revisions(system):
    run = system.run([shell("a", "true"), shell("b", "true")])
    run.wait(CEILING)
    first = system.snapshot()
    assert [row.name for row in first.of(run.id)] == ["a", "b"]
    assert all(row.state is AgentState.SUCCEEDED for row in first.agents)
    system.run([shell("c", "true")]).wait(CEILING)
    assert system.snapshot().revision > first.revision


def test_output_is_announced_while_it_grows(system):
    def is_of_output(event):
        return isinstance(event, AgentOutput) and os.path.getsize(event.stdout_path)

    with RecordedEvents(system) as events:
        run = system.run([shell("talks", "echo hi; exec sleep 600")])
        events.wait_for(is_of_output, CEILING)
    run.stop()
    run.wait(CEILING)


def test_signals_come_in_order_and_each_state_once(system):
    with RecordedEvents(system) as events:
        system.run([shell("a", "true")]).wait(CEILING)
    heard = [
        event.agent.state.value if isinstance(event, AgentChanged) else type(event).__name__
        for event in events.all
    ]
    assert heard == ["RunStarted", "queued", "starting", "running", "succeeded", "RunFinished"]
