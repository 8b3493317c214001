"""An actor whose handler raises, for each actor of the system: a verdict, and nothing left."""

import pytest

from actorch.actors import AgentState
from actorch.actors._agent import Agent
from actorch.actors._journal import Journal
from actorch.actors._registry import Registry
from actorch.supervisors import Verdict
from actorch.supervisors._root import RootSupervisor
from actorch.supervisors._run import RunSupervisor
from fleets import CEILING, gone, shell, wait_for_file


class DefectError(Exception):
    pass


def defect(*_args, **_kwargs):
    raise DefectError("on purpose")


@pytest.fixture
def living(system, tmp_path):
    """A run with one agent that lives until it is ended, and that agent's pid."""
    script = f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 600"
    run = system.run([shell("lives", script), shell("other", "true")], on_impossible="continue")
    wait_for_file(tmp_path / "pid")
    return run, int((tmp_path / "pid").read_text())


def test_an_agent_whose_actor_raises_has_failed_and_its_process_is_gone(
    system, living, monkeypatch
):
    run, pid = living
    monkeypatch.setattr(Agent, "_on_stop_request", defect)
    run.stop()
    result = run.wait(CEILING)
    assert result["lives"].error.kind == "actor_crashed"
    assert "DefectError" in result["lives"].error.message
    system.close()
    assert gone(pid)


def test_a_crash_of_one_agents_actor_leaves_the_others_alone(system, monkeypatch):
    whole = Agent._on_end

    def partly(self, event):
        if self._spec.name == "bad":
            defect()
        whole(self, event)

    monkeypatch.setattr(Agent, "_on_end", partly)
    result = system.run([shell("bad", "true"), shell("good", "true")], quorum=1).wait(CEILING)
    assert result.verdict is Verdict.DEGRADED
    assert result["bad"].error.kind == "actor_crashed"
    assert result["good"].ok


def test_an_agent_whose_actor_cannot_start_has_failed(system, monkeypatch):
    monkeypatch.setattr(Agent, "on_start", defect)
    result = system.run([shell("a", "true")]).wait(CEILING)
    assert result["a"].state is AgentState.FAILED
    assert result["a"].error.kind == "actor_crashed"


def test_a_run_whose_supervisor_raises_gets_a_verdict_after_its_agents_are_gone(
    living, monkeypatch
):
    run, pid = living
    monkeypatch.setattr(RunSupervisor, "_stop_all", defect)
    run.stop()
    result = run.wait(CEILING)
    assert result.verdict is Verdict.FAILED
    assert "DefectError" in result.error
    assert result["lives"].error.kind == "actor_crashed"
    assert gone(pid)


def test_without_the_registry_runs_are_ended_and_get_a_verdict(system, living, monkeypatch):
    run, pid = living
    monkeypatch.setattr(Registry, "on_receive", defect)
    system._registry.tell(object())
    result = run.wait(CEILING)
    assert result.verdict is Verdict.FAILED
    assert "registry crashed" in result.error
    assert gone(pid)
    assert system.snapshot().agents


@pytest.mark.parametrize("method", ["on_receive", "on_drained", "on_start"])
def test_without_the_journal_runs_go_on_unrecorded(system, monkeypatch, method):
    monkeypatch.setattr(Journal, method, defect)
    if method == "on_start":
        from actorch.supervisors import ActorSystem

        with ActorSystem(state_dir=f"{system.state_dir}-2") as other:
            result = other.run([shell("a", "echo hi")]).wait(CEILING)
    else:
        result = system.run([shell("a", "echo hi")]).wait(CEILING)
    assert result.verdict is Verdict.OK
    assert result["a"].stdout == "hi\n"
    assert "journal crashed" in result.history


def test_without_the_root_runs_are_ended_and_get_a_verdict(system, living, monkeypatch):
    run, pid = living
    monkeypatch.setattr(RootSupervisor, "_stop_runs", defect)
    run.stop()
    result = run.wait(CEILING)
    assert result.verdict is Verdict.FAILED
    assert "root supervisor crashed" in result.error
    assert gone(pid)


def test_a_receiver_that_raises_disturbs_nobody(system):
    system.events.agent_changed.connect(defect, weak=False)
    assert system.run([shell("a", "true")]).wait(CEILING).verdict is Verdict.OK
