"""A system that is closed while a handler never returns: its agents are gone all the same."""

import logging
import threading

import pykka
import pytest

from actorch.actors import Actor, RunFinished
from actorch.supervisors import ActorSystem, Verdict, _ending
from actorch.supervisors._root import RootSupervisor
from fleets import CEILING, gone, shell, wait_for_file
from snares import Snare


@pytest.fixture
def snare():
    snare = Snare()
    yield snare
    snare.release.set()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """A loop counts as stuck after a moment: nothing else runs here that could keep it busy."""
    monkeypatch.setattr(_ending, "LOOK", 0.5)
    monkeypatch.setattr(_ending, "PATIENCE", 0.25)


@pytest.fixture
def living(tmp_path):
    """Start an agent that lives until it is ended; returns its run and its pid."""

    def start(system):
        script = f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 600"
        run = system.run([shell("lives", script)])
        wait_for_file(tmp_path / "pid")
        return run, int((tmp_path / "pid").read_text())

    return start


class OnItsOwn(Actor):
    """Calls what it is sent."""

    blocking = True

    def on_receive(self, message):
        return message()


class Shared(OnItsOwn):
    blocking = False


def stuck_reports(caplog):
    records = [one for one in caplog.records if "stuck in" in one.getMessage()]
    assert [one.levelno for one in records] == [logging.WARNING] * len(records)
    return [one.getMessage() for one in records]


@pytest.mark.parametrize("timeout", [0.2, None])
def test_a_receiver_that_never_returns_keeps_no_agent_alive_and_no_caller_waiting(
    state, living, snare, caplog, timeout
):
    system = ActorSystem(state_dir=state)
    run, pid = living(system)
    system.events.run_started.connect(snare.never_returns)
    system.run([shell("other", "true")])
    snare.caught()
    waiting = system._registry.ask("anything", block=False)
    (loop,) = (one for one in threading.enumerate() if one.name == "actorch-loop")
    system.close(timeout)
    assert gone(pid)
    assert run.wait(0).verdict is Verdict.FAILED
    assert "stuck" in run.wait(0).error
    assert system.snapshot().agents
    with pytest.raises(pykka.ActorDeadError):
        waiting.get(timeout=CEILING)
    assert loop.daemon
    (report,) = stuck_reports(caplog)
    assert "stuck in Registry" in report
    assert "in never_returns" in report
    assert "'actorch-loop'" in report
    system.close()
    snare.release.set()
    loop.join(CEILING)
    assert not loop.is_alive()


def test_a_receiver_that_never_returns_from_the_end_of_a_run_holds_up_nothing(
    state, living, snare, caplog
):
    with ActorSystem(state_dir=state) as system:
        run, pid = living(system)
        system.events._by_type[RunFinished].connect(snare.never_returns)
    assert gone(pid)
    assert run.wait(0).verdict is Verdict.CANCELLED
    (report,) = stuck_reports(caplog)
    assert "in never_returns" in report


def test_the_root_itself_may_be_what_is_stuck(state, living, snare, caplog, monkeypatch):
    with ActorSystem(state_dir=state) as system:
        run, pid = living(system)
        monkeypatch.setattr(RootSupervisor, "_stop_runs", snare.never_returns)
        run.stop()
        snare.caught()
    assert gone(pid)
    (report,) = stuck_reports(caplog)
    assert "stuck in RootSupervisor" in report


def test_an_actor_that_is_stuck_on_its_own_thread_does_not_keep_the_system_open(
    state, living, snare, caplog
):
    system = ActorSystem(state_dir=state)
    run, pid = living(system)
    stuck, others = system._dispatcher.spawn(OnItsOwn), system._dispatcher.spawn(Shared)
    asked, waiting = (stuck.ask(snare.never_returns, block=False) for _ in range(2))
    snare.caught()
    (thread,) = (one for one in threading.enumerate() if one.name == "actorch-OnItsOwn")
    phases = []
    system.on_shutdown("flush", lambda: phases.append(system.snapshot().runs[0].verdict))
    system.close(timeout=0.1)
    assert gone(pid)
    assert run.wait(0).verdict is Verdict.CANCELLED
    assert phases == ["cancelled"]
    for future in (asked, waiting):
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=CEILING)
    assert [ref.is_alive() for ref in (stuck, others)] == [False, False]
    assert thread.daemon
    (report,) = stuck_reports(caplog)
    assert "stuck in OnItsOwn" in report
    assert "in never_returns" in report


def test_an_actor_whose_cleanup_never_returns_is_left_behind_as_well(state, snare, caplog):
    class Messy(OnItsOwn):
        def on_stop(self):
            snare.never_returns()

    system = ActorSystem(state_dir=state)
    ref = system._dispatcher.spawn(Messy)
    assert ref.ask(lambda: 1) == 1
    system.close(timeout=0.1)
    assert not ref.is_alive()
    (report,) = stuck_reports(caplog)
    assert "in on_stop" in report


def test_a_slow_receiver_is_not_taken_for_a_stuck_one(state, living, caplog, monkeypatch):
    monkeypatch.setattr(_ending, "LOOK", 0.02)
    monkeypatch.setattr(_ending, "PATIENCE", CEILING)
    slow = threading.Event()
    with ActorSystem(state_dir=state) as system:
        run, _pid = living(system)
        for signal in (system.events.agent_changed, system.events.run_finished):
            signal.connect(lambda *_a, **_k: slow.wait(0.1), weak=False)
    assert run.wait(0).verdict is Verdict.CANCELLED
    assert stuck_reports(caplog) == []
