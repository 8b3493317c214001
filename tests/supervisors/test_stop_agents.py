"""Stopping single agents: these for good, the others go on."""

import pytest

from actorch.actors import AgentState, UsageError
from actorch.supervisors import Verdict
from fleets import CEILING, at_once, gone, shell, wait_for_file


def sleeper(name, tmp_path, **options):
    return shell(name, f"touch {tmp_path}/{name}; exec sleep 600", **options)


def test_one_agent_is_stopped_and_the_others_go_on(system, tmp_path):
    finish = f"touch {tmp_path}/b; until test -e {tmp_path}/go; do sleep 0.01; done"
    run = system.run([sleeper("a", tmp_path), shell("b", finish)], quorum="any")
    wait_for_file(tmp_path / "a")
    wait_for_file(tmp_path / "b")
    run.stop("a")
    run.stop("a")
    while not run.results().failures:
        system.snapshot()
    assert not run.done()
    (tmp_path / "go").touch()
    result = run.wait(CEILING)
    assert (result.verdict, result["b"].state) == (Verdict.DEGRADED, AgentState.SUCCEEDED)
    assert (result["a"].state, result["a"].error.kind) == (AgentState.CANCELLED, "cancelled")
    assert gone(result["a"].attempts[0].pid)


def test_one_agent_is_killed_without_politeness(system, tmp_path):
    script = f"trap '' TERM; touch {tmp_path}/a; while :; do sleep 0.1; done"
    run = system.run([shell("a", script)])
    wait_for_file(tmp_path / "a")
    run.kill("a")
    assert run.wait(CEILING)["a"].exit.signal == 9


def test_one_that_waits_in_the_queue_never_starts(system, tmp_path):
    agents = [sleeper("a", tmp_path), shell("b", f"touch {tmp_path}/b"), shell("c", "true")]
    run = system.run(agents, max_concurrent=1, quorum=1)
    wait_for_file(tmp_path / "a")
    run.stop("b", "c")
    run.stop("a")
    result = run.wait(CEILING)
    assert {agent.state for agent in result.agents} == {AgentState.CANCELLED}
    assert not (tmp_path / "b").exists()


def test_one_that_is_stopped_before_the_run_is_recorded_never_starts(system, tmp_path):
    run = system.run([shell("a", f"touch {tmp_path}/a"), shell("b", "true")], quorum=1)
    run.stop("a")
    result = run.wait(CEILING)
    assert result["b"].ok
    assert result["a"].state is AgentState.CANCELLED


def test_one_that_is_stopped_is_not_tried_again(system, tmp_path):
    run = system.run([sleeper("a", tmp_path, retry=at_once(5, retry_on="any"))])
    wait_for_file(tmp_path / "a")
    run.stop("a")
    assert len(run.wait(CEILING)["a"].attempts) == 1


def test_one_that_is_stopped_is_no_failure_that_ends_the_run(system, tmp_path):
    agents = [sleeper("a", tmp_path), shell("b", "true")]
    run = system.run(agents, fail_fast=True, quorum=1, max_concurrent=1)
    wait_for_file(tmp_path / "a")
    run.stop("a")
    assert run.wait(CEILING)["b"].ok


def test_a_quorum_that_is_impossible_without_it_ends_the_run(system, tmp_path):
    run = system.run([sleeper("a", tmp_path), sleeper("b", tmp_path)])
    wait_for_file(tmp_path / "a")
    run.stop("a")
    result = run.wait(CEILING)
    assert (result.verdict, result["b"].state) == (Verdict.FAILED, AgentState.CANCELLED)


def test_a_name_that_no_agent_has_is_told_and_stops_nothing(system, tmp_path):
    run = system.run([shell("a", "true")])
    for stop in (run.stop, run.kill):
        with pytest.raises(UsageError, match=r"has no agent named 'nobody'"):
            stop("a", "nobody")
    assert run.wait(CEILING).verdict is Verdict.OK


def test_stopping_after_the_end_is_nothing(system):
    run = system.run([shell("a", "true")])
    run.wait(CEILING)
    run.stop("a")
    run.stop()
    assert run.wait().verdict is Verdict.OK
