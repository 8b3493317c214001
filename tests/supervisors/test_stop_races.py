"""A stop that comes at a bad moment: one end, the right one, and nothing left."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from actorch.actors import AgentSpec, AgentState, Backoff, RetryPolicy
from actorch.actors.testing import FakeProcesses, FakeScript, ManualClock
from actorch.supervisors import ActorSystem, Verdict
from fleets import CEILING, at_once, gone, shell, wait_for_file, wait_until
from processes import (
    keeper_of,
    nobody_at,
    program,
    running_at,
    shims_of,
    signed_in,
    wait_for_sign_in,
)

TERMINAL = {
    AgentState.SUCCEEDED: {Verdict.OK, Verdict.CANCELLED},  # the stop may come before the verdict
    AgentState.CANCELLED: {Verdict.CANCELLED},
}


def tree(place, *words):
    """A leader that obeys, with a child in a session of its own that does not."""
    return AgentSpec("tree", program("polite_leader.py", place, *(words or ("setsid",))))


def rows(state, question):
    connection = sqlite3.connect(f"{state}/history.db")
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


@pytest.fixture
def ends(system):
    """The final states that were announced, in that order."""
    heard = []

    def note(_sender, *, event):
        if event.agent.state.final:
            heard.append((event.agent.run_id, event.agent.name, event.agent.state))

    system.events.agent_changed.connect(note)
    yield heard
    system.events.agent_changed.disconnect(note)


class Frozen:
    """A keeper and its shims that do nothing, so that what is started stays about to start."""

    def __init__(self):
        self.keeper = keeper_of(os.getpid())
        self._pids = [self.keeper, *shims_of(self.keeper)]
        for pid in self._pids:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._pids.clear()


@pytest.fixture
def frozen(system):
    system.run([shell("first", "true")]).wait(CEILING)
    frozen = Frozen()
    yield frozen
    frozen.thaw()


def in_state(system, run, state):
    return [row.state for row in system.snapshot().of(run.id)] == [state]


def test_a_stop_from_two_threads_at_once_is_one_stop(system, state, place, ends):
    run = system.run([tree(place, "setsid", "stays.py")])
    wait_for_sign_in(place, 2)
    barrier = threading.Barrier(4)

    def stop():
        barrier.wait()
        run.stop()

    threads = [threading.Thread(target=stop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run.wait(CEILING)["tree"].exit.signal == signal.SIGTERM
    assert nobody_at(place)
    assert ends == [(run.id, "tree", AgentState.CANCELLED)]
    assert rows(state, "SELECT state FROM attempts") == [("cancelled",)]


def test_two_threads_that_stop_and_kill_at_once_leave_nothing(system, place):
    for number in range(10):
        run = system.run([tree(place)])
        wait_for_sign_in(place, 2 * number + 2)
        threads = [threading.Thread(target=call) for call in (run.stop, run.kill)]
        for thread in threads:
            thread.start()
        assert run.wait(CEILING).verdict is Verdict.CANCELLED
        for thread in threads:
            thread.join()
        assert nobody_at(place)


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_an_agent_that_is_stopped_while_it_starts_never_stays(system, frozen, place, way):
    run = system.run([tree(place, "setsid", "stays.py")])
    wait_until(lambda: in_state(system, run, AgentState.STARTING), "the start")
    getattr(run, way)()
    wait_until(lambda: in_state(system, run, AgentState.STOPPING), "the stop")
    assert not run.done()  # nobody knows yet what became of it
    frozen.thaw()
    result = run.wait(CEILING)
    assert result.verdict is Verdict.CANCELLED
    assert [attempt.state for attempt in result["tree"].attempts] == [AgentState.CANCELLED]
    assert nobody_at(place)


def test_a_timeout_while_it_starts_is_one(system, frozen, place):
    spec = AgentSpec("late", program("stays.py", place), timeout=0.05, retry=at_once(1))
    run = system.run([spec])
    wait_until(lambda: in_state(system, run, AgentState.STOPPING), "the timeout")
    frozen.thaw()
    assert run.wait(CEILING)["late"].state is AgentState.TIMED_OUT
    assert nobody_at(place)


def test_a_keeper_that_is_killed_while_an_agent_starts_costs_an_attempt(system, frozen, place):
    spec = AgentSpec("a", program("leaves.py", place, "0", "stays.py"), retry=at_once(2))
    run = system.run([spec])
    wait_until(lambda: in_state(system, run, AgentState.STARTING), "the start")
    os.kill(frozen.keeper, signal.SIGKILL)
    frozen.thaw()
    agent = run.wait(CEILING)["a"]
    assert agent.state is AgentState.SUCCEEDED
    assert len(agent.attempts) == 2
    assert len(signed_in(place)) == 1  # the first attempt's program never ran, or ran to no end


def test_a_stop_during_backoff_returns_at_once_and_no_attempt_follows(system, tmp_path):
    backoff = Backoff(initial=600.0, cap=600.0, jitter="none")
    retry = RetryPolicy(max_attempts=3, retry_on="any", backoff=backoff)
    run = system.run([shell("bad", f"echo x >> {tmp_path}/ran; exit 1", retry=retry)])
    wait_until(lambda: in_state(system, run, AgentState.BACKOFF), "the backoff")
    run.stop()
    result = run.wait(2.0)
    assert result["bad"].state is AgentState.CANCELLED
    assert [attempt.state for attempt in result["bad"].attempts] == [AgentState.FAILED]
    system.close()
    assert (tmp_path / "ran").read_text() == "x\n"


def test_a_deadline_during_backoff_times_out_at_once(state):
    backoff = Backoff(initial=600.0, cap=600.0, jitter="none")
    retry = RetryPolicy(max_attempts=3, retry_on="any", backoff=backoff)
    clock, fake = ManualClock(), FakeProcesses(default=FakeScript().exits(1))
    with ActorSystem(state_dir=state, clock=clock, processes=fake) as system:
        run = system.run([AgentSpec("bad", ["false"], retry=retry)], deadline=599.0)
        clock.advance(598.0)
        assert in_state(system, run, AgentState.BACKOFF)
        clock.advance(1.0)
        assert run.wait(0.0).verdict is Verdict.TIMED_OUT
        clock.advance(600.0)
        assert len(fake.started) == 1


def test_a_stop_at_the_moment_of_a_natural_end_is_one_end_of_either_kind(
    system, state, tmp_path, ends
):
    found = {}
    for number in range(50):
        up = tmp_path / str(number)
        run = system.run([shell("a", f"> {up}; (exec sleep 600) & exit 0")])
        while not up.exists():
            pass
        threading.Event().wait(number / 20_000)  # from at once to 2.5 ms later
        run.stop()
        result = run.wait(CEILING)
        assert result.verdict in TERMINAL[result["a"].state]
        assert [attempt.state for attempt in result["a"].attempts] == [result["a"].state]
        found[run.id] = result["a"].state
    wait_until(lambda: len(ends) == 50)
    system.snapshot()
    assert ends == [(run, "a", end) for run, end in found.items()]
    recorded = rows(state, "SELECT run_id, state FROM attempts ORDER BY rowid")
    assert recorded == [(run, end.value) for run, end in found.items()]


APP = f"""
import sys
sys.path[:0] = {sys.path!r}
from actorch.actors import AgentSpec
from actorch.supervisors import ActorSystem
state, *command = sys.argv[1:]
fleet = [AgentSpec(f"a{{n}}", command) for n in range(60)]
ActorSystem(state_dir=state).run(fleet, max_concurrent=60).wait()
"""


@pytest.mark.parametrize("many", [0, 1, 20, 45])
def test_an_app_that_is_killed_while_a_fleet_starts_leaves_nothing(state, place, many):
    words = [sys.executable, "-c", APP, state, *program("stays.py", place)]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL) as app:
        if many:
            wait_for_sign_in(place, many)
        else:
            wait_until(lambda: keeper_of(app.pid), "the keeper")
        app.kill()
    wait_until(lambda: not running_at(place), "the end of those that had started")


def test_an_app_that_is_killed_before_its_keeper_comes_to_start_an_agent_gets_none(state, place):
    words = [sys.executable, "-c", APP, state, *program("stays.py", place)]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL) as app:
        wait_until(lambda: keeper_of(app.pid), "the keeper")
        keeper = keeper_of(app.pid)
        os.kill(keeper, signal.SIGSTOP)
        app.kill()
    os.kill(keeper, signal.SIGCONT)
    wait_until(lambda: gone(keeper), "the end of the keeper")
    wait_until(lambda: not running_at(place), "the end of all")


def test_a_close_while_agents_start_stop_wait_and_end_leaves_nothing(system, place, tmp_path):
    retry = RetryPolicy(max_attempts=3, retry_on="any", backoff=Backoff(initial=600.0, cap=600.0))
    fleet = [shell("waits", f"> {tmp_path}/up; exit 1", retry=retry)]
    fleet += [AgentSpec(f"n{n}", program("stays.py", place)) for n in range(20)]
    fleet += [shell(f"e{n}", "exit 0") for n in range(20)]
    run = system.run(fleet, max_concurrent=25, on_impossible="continue")
    wait_for_file(tmp_path / "up")
    wait_for_sign_in(place, 1)
    system.close()
    assert nobody_at(place)
    result = run.wait(0)
    assert result.verdict is Verdict.CANCELLED
    assert {agent.state for agent in result.agents} <= set(TERMINAL)
