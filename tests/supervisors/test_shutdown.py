"""The end of a system in phases: what an app may do in them, and what it cannot hold up."""

import asyncio
import gc
import logging
import signal
import threading
import weakref

import pytest

from actorch.actors import (
    Actor,
    DispatcherClosedError,
    Future,
    StopPlan,
    UsageError,
    WouldBlockError,
)
from actorch.supervisors import ActorSystem, Verdict
from actorch.supervisors._ending import Ending
from actorch.supervisors._shutdown_task import ShutdownTask
from fleets import CEILING, gone, shell, wait_for_file, wait_until
from snares import Snare


def interrupt(*_args):
    raise KeyboardInterrupt


@pytest.fixture
def snare():
    snare = Snare()
    yield snare
    snare.release.set()


def test_the_phases_come_in_their_order_around_the_end_of_the_agents(state, tmp_path):
    system, seen = ActorSystem(state_dir=state), []
    run = system.run([shell("a", f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; "
                                 "exec sleep 600")])  # fmt: skip
    wait_for_file(tmp_path / "pid")
    pid = int((tmp_path / "pid").read_text())

    def drain():
        with pytest.raises(DispatcherClosedError):
            system.run([shell("b", "true")])
        seen.append(("drain", run.done(), gone(pid)))

    def flush():
        verdict = system.snapshot().runs[0].verdict
        seen.append(("flush", run.done(), gone(pid), verdict))

    def end():
        threads = [one.name for one in threading.enumerate() if one.name.startswith("actorch")]
        seen.append(("end", threads))

    system.on_shutdown("end", end)
    system.on_shutdown("drain", drain)
    system.on_shutdown("flush", flush)
    system.close()
    assert seen == [
        ("drain", False, False),
        ("flush", True, True, "cancelled"),
        ("end", []),
    ]


@pytest.mark.parametrize("phase", ["drain", "flush", "end"])
def test_the_tasks_of_one_phase_run_side_by_side(state, phase):
    both = threading.Barrier(2, timeout=CEILING)
    tasks = []
    with ActorSystem(state_dir=state) as system:
        tasks += [system.on_shutdown(phase, both.wait, timeout=CEILING) for _ in range(2)]
    assert not both.broken
    assert ["over" in repr(task) for task in tasks] == [True, True]


@pytest.mark.parametrize("error", [ValueError("on purpose"), SystemExit(3), KeyboardInterrupt()])
def test_a_task_that_raises_is_logged_and_stops_nothing(state, caplog, error):
    def fail():
        raise error

    called = threading.Event()
    with ActorSystem(state_dir=state) as system:
        system.on_shutdown("drain", fail, name="the bad one")
        system.on_shutdown("end", called.set)
    assert called.is_set()
    (record,) = (one for one in caplog.records if one.name == "actorch.shutdown")
    assert (record.levelno, record.exc_info[1]) == (logging.ERROR, error)
    assert "the bad one" in record.getMessage()


@pytest.mark.parametrize("phase", ["drain", "flush", "end"])
def test_a_stuck_task_is_logged_with_its_stack_and_left_behind(state, caplog, snare, phase):
    called = threading.Event()
    with ActorSystem(state_dir=state) as system:
        system.on_shutdown(phase, snare.never_returns, name="the stuck one", timeout=0.05)
        system.on_shutdown("end", called.set)
    snare.caught()
    assert called.is_set()
    (record,) = (one for one in caplog.records if one.name == "actorch.shutdown")
    assert record.levelno == logging.ERROR
    assert "the stuck one" in record.getMessage()
    assert "in never_returns" in record.getMessage()
    (thread,) = (one for one in threading.enumerate() if one.name == "shutdown-the stuck one")
    assert thread.daemon


def test_a_task_that_was_cancelled_is_not_called(state):
    called = []
    with ActorSystem(state_dir=state) as system:
        task = system.on_shutdown("drain", lambda: called.append("cancelled"))
        other = system.on_shutdown("drain", lambda: called.append("other"))
        assert [task.cancel(), task.cancel()] == [True, False]
        assert "cancelled" in repr(task)
    assert called == ["other"]
    assert not other.cancel()


def test_many_tasks_that_come_and_go_leave_no_thread(system):
    before = threading.active_count()
    for _ in range(100):
        system.on_shutdown("drain", print).cancel()
    wait_until(lambda: threading.active_count() <= before, "the end of the threads")


def test_a_task_may_return_a_future_or_a_coroutine_which_is_waited_for(state):
    done = []
    future = Future()

    async def work():
        await asyncio.sleep(0.01)
        done.append("coroutine")

    with ActorSystem(state_dir=state) as system:
        system.on_shutdown("drain", lambda: future)
        system.on_shutdown("drain", lambda: future.set(1) or done.append("future"))
        system.on_shutdown("flush", work)
        system.on_shutdown("end", lambda: done.append("end"))
    assert done == ["future", "coroutine", "end"]


@pytest.mark.parametrize(
    ("phase", "timeout", "said"),
    [
        ("runs", 1, "no phase for tasks"),
        ("x", 1, "drain"),
        ("end", 0, "timeout"),
        ("end", "1", "seconds"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(system, phase, timeout, said):
    with pytest.raises(UsageError, match=said):
        system.on_shutdown(phase, print, timeout=timeout)


def test_once_the_end_has_begun_no_task_is_taken_and_no_task_may_wait_for_it(state):
    outcomes = []
    system = ActorSystem(state_dir=state)

    def attempt():
        for call in (lambda: system.on_shutdown("end", print), system.close):
            try:
                call()
            except (DispatcherClosedError, WouldBlockError) as error:
                outcomes.append(type(error))

    system.on_shutdown("drain", attempt, timeout=CEILING)
    system.close()
    assert outcomes == [DispatcherClosedError, WouldBlockError]
    with pytest.raises(DispatcherClosedError):
        system.on_shutdown("end", print)


def test_whoever_closes_tasks_are_called_once(state):
    called = []
    system = ActorSystem(state_dir=state)
    for phase in ("drain", "flush", "end"):
        system.on_shutdown(phase, lambda phase=phase: called.append(phase))
    threads = [threading.Thread(target=system.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    system.close()
    assert called == ["drain", "flush", "end"]


@pytest.mark.parametrize("moment", ["_end_trees", "_end_actors", "_end_history", "_end_processes"])
def test_an_end_that_was_interrupted_goes_on_where_it_stopped(state, monkeypatch, moment):
    called = []
    with monkeypatch.context() as patch:
        patch.setattr(Ending, moment, interrupt)
        system = ActorSystem(state_dir=state)
        for phase in ("drain", "flush", "end"):
            system.on_shutdown(phase, lambda phase=phase: called.append(phase))
        with pytest.raises(KeyboardInterrupt):
            system.close()
    assert "end" not in called
    patched = {phase.name: phase for phase in Ending._phases(system)}
    system._shutdown._phases[:] = [patched[one.name] for one in system._shutdown._phases]
    system.close()
    assert called == ["drain", "flush", "end"]


def test_an_interruption_while_a_task_is_waited_for_does_not_call_it_again(state, monkeypatch):
    called = []
    system = ActorSystem(state_dir=state)
    system.on_shutdown("drain", lambda: called.append(1))
    with monkeypatch.context() as patch:
        patch.setattr(ShutdownTask, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            system.close()
    system.close()
    assert called == [1]


def test_a_signal_handler_that_closes_while_the_system_closes_finishes_it(state):
    system = ActorSystem(state_dir=state)
    called = []
    system.on_shutdown("end", lambda: called.append("end"))
    old = signal.signal(signal.SIGUSR1, lambda *_: system.close())
    try:
        main = threading.get_ident()
        system.on_shutdown("drain", lambda: signal.pthread_kill(main, signal.SIGUSR1))
        system.close()
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert called == ["end"]


def test_a_second_caller_who_has_less_time_has_killed_what_still_runs(state, tmp_path):
    system, stopping = ActorSystem(state_dir=state), tmp_path / "stopping"
    script = f"trap 'touch {stopping}' TERM; touch {tmp_path}/up; while :; do sleep 0.01; done"
    run = system.run([shell("a", script, stop=StopPlan.parse(["TERM", "600s", "KILL"]))])
    wait_for_file(tmp_path / "up")
    first = threading.Thread(target=system.close)
    first.start()
    wait_for_file(stopping)
    assert not run.done()
    system.close(timeout=0.01)
    assert run.wait(0).verdict is Verdict.CANCELLED
    first.join(CEILING)
    assert not first.is_alive()


def test_an_actor_of_the_system_may_not_wait_for_its_end_which_does_not_begin_then(system):
    class Caller(Actor):
        def on_receive(self, message):
            with pytest.raises(WouldBlockError):
                system.close()
            return "refused"

    class BlockingCaller(Caller):
        blocking = True

    for kind in (Caller, BlockingCaller):
        assert system._dispatcher.spawn(kind).ask("close") == "refused"
    assert system.run([shell("a", "true")]).wait(CEILING).verdict is Verdict.OK


def test_systems_that_are_closed_and_forgotten_are_not_kept_for_the_end_of_the_program(state):
    from actorch.supervisors import _at_exit

    with ActorSystem(state_dir=state) as system:
        assert [entry for entry in _at_exit._open if entry[0]() == system._close_at_exit]
    forgotten = weakref.ref(system)
    del system
    wait_until(lambda: gc.collect() is not None and forgotten() is None, "its end")


class Tree:
    """Stands in for the ref of a supervision tree."""

    def __init__(self, name, calls, *, ends=True):
        self.name, self.calls, self.ends = name, calls, ends

    def stop(self, *, block, reason):
        self.calls.append(("stop", self.name, block, type(reason).__name__))
        future = Future()
        if self.ends:
            future.set(True)
        return future

    def kill(self):
        self.calls.append(("kill", self.name))


def test_supervision_trees_stop_last_first_before_the_agents_and_those_that_cannot_are_killed(
    state,
):
    calls = []
    system = ActorSystem(state_dir=state)
    run = system.run([shell("a", "exec sleep 600")])
    system._trees += [Tree("a", calls), Tree("b", calls, ends=False), Tree("c", calls)]
    system._stop_trees(system._until(0.05))
    assert calls == [
        ("stop", "c", False, "Shutdown"),
        ("stop", "b", False, "Shutdown"),
        ("stop", "a", False, "Shutdown"),
        ("kill", "b"),
    ]
    assert not run.done()
    calls.clear()
    system.close(timeout=0.05)
    assert calls[-1] == ("kill", "b")
    assert run.done()
