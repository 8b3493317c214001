"""A system's end, whoever brings it about, and runs that lose whoever would have ended them."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from actorch.actors import (
    AgentChanged,
    AgentOutput,
    AgentSpec,
    AgentState,
    DispatcherClosedError,
    RunFinished,
    RunStarted,
)
from actorch.actors.testing import RecordedEvents
from actorch.supervisors import ActorSystem, Verdict
from actorch.supervisors._root import RootSupervisor
from actorch.supervisors._run import RunSupervisor
from fleets import CEILING, at_once, gone, shell, wait_for_file, wait_until


class DefectError(Exception):
    pass


def defect(*_args, **_kwargs):
    raise DefectError("on purpose")


def test_a_run_that_no_supervisor_has_taken_on_gets_a_verdict_when_the_root_dies(
    system, monkeypatch
):
    monkeypatch.setattr(RootSupervisor, "_start_run", defect)
    run = system.run([shell("a", "true")])
    result = run.wait(CEILING)
    assert result.verdict is Verdict.FAILED
    assert "root supervisor crashed" in result.error


def test_a_system_whose_root_is_dead_takes_no_more_runs_and_closes(state, monkeypatch):
    with ActorSystem(state_dir=state) as system:
        with monkeypatch.context() as patch:
            patch.setattr(RootSupervisor, "_start_run", defect)
            system.run([shell("a", "true")]).wait(CEILING)
        wait_until(lambda: not system._root.is_alive(), "the end of the root")
        with pytest.raises(DispatcherClosedError, match="crashed"):
            system.run([shell("b", "true")])


def test_without_the_registry_no_more_runs_are_taken_on(system, monkeypatch):
    system.events.agent_changed.connect(lambda *_a, **_k: None, weak=False)
    system._registry.kill()
    wait_until(lambda: not system._registry.is_alive(), "the end of the registry")
    result = system.run([shell("a", "true")]).wait(CEILING)
    assert (result.verdict, result["a"].error.kind) == (Verdict.FAILED, "actor_crashed")


def test_closing_is_idempotent_and_a_second_caller_waits_for_the_first(state, tmp_path):
    system = ActorSystem(state_dir=state)
    script = f"trap 'sleep 0.3; exit 0' TERM; touch {tmp_path}/up; while :; do sleep 0.01; done"
    run = system.run([shell("a", script)])
    wait_for_file(tmp_path / "up")
    first = threading.Thread(target=system.close)
    first.start()
    system.close()
    assert run.done()
    first.join(CEILING)
    system.close()
    with pytest.raises(DispatcherClosedError):
        system.run([shell("b", "true")])


def test_a_close_that_was_interrupted_can_be_taken_up_again(state, monkeypatch):
    system = ActorSystem(state_dir=state)
    run = system.run([shell("a", "exec sleep 600")])
    with monkeypatch.context() as patch:
        patch.setattr(ActorSystem, "_wait_for_runs", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            system.close()
    system.close()
    assert run.wait(0).verdict is Verdict.CANCELLED
    assert not any(thread.name.startswith("actorch") for thread in threading.enumerate())


def test_a_forked_child_leaves_the_system_at_once_and_the_parent_goes_on(state, tmp_path):
    code = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from actorch.actors import AgentSpec, DispatcherClosedError
from actorch.supervisors import ActorSystem
with ActorSystem(state_dir={state!r}) as system:
    script = "until test -e {tmp_path}/go; do sleep 0.01; done"
    run = system.run([AgentSpec("a", script, shell=True)])
    pid = os.fork()
    if pid == 0:
        try:
            run.wait()
        except DispatcherClosedError:
            sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    open("{tmp_path}/go", "w").close()
    print(run.wait(30).verdict.value)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "ok\n", done.stderr


def test_an_app_that_was_stopped_finds_its_agents_done_and_not_timed_out(process_tree, tmp_path):
    script = (
        f"echo x >> {tmp_path}/ran; touch {tmp_path}/up; "
        f"until test -e {tmp_path}/go; do sleep 0.01; done; touch {tmp_path}/over"
    )
    app = process_tree(
        f"result = system.run([AgentSpec('a', '{script}', shell=True, timeout=1.0)]).wait(30)\n"
        "print(result.verdict.value, len(result['a'].attempts))"
    )
    wait_for_file(tmp_path / "up")
    app.send_signal(signal.SIGSTOP)
    (tmp_path / "go").touch()
    wait_for_file(tmp_path / "over")
    pause = threading.Event()
    pause.wait(1.3)  # longer than the timeout; nothing in the app can tell
    app.send_signal(signal.SIGCONT)
    assert app.communicate(timeout=CEILING)[0] == b"ok 1\n"
    assert (tmp_path / "ran").read_text() == "x\n"


@pytest.fixture
def process_tree(state):
    """Run a few lines in an app of their own, with a system."""
    started = []

    def start(lines):
        body = "\n".join(f"    {line}" for line in lines.splitlines())
        code = (
            f"import sys\nsys.path[:0] = {sys.path!r}\n"
            "from actorch.actors import AgentSpec\nfrom actorch.supervisors import ActorSystem\n"
            f"with ActorSystem(state_dir={state!r}) as system:\n{body}\n"
        )
        started.append(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait()
        one.stdout.close()


@pytest.mark.parametrize("name", ["actorch.run", "actorch.agent", "actorch.root"])
def test_a_log_handler_that_raises_changes_no_verdict(system, name):
    class Broken(logging.Handler):
        def emit(self, record):
            raise DefectError

    logger, handler = logging.getLogger(name), Broken()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        assert system.run([shell("a", "true")]).wait(CEILING).verdict is Verdict.OK
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


@pytest.mark.parametrize("event", [AgentOutput, AgentChanged, RunStarted])
def test_a_receiver_that_wants_to_exit_ends_nothing(system, event):
    def leave(_sender, *, event):
        raise SystemExit(3)

    system.events._by_type[event].connect(leave)
    for _ in range(2):
        assert system.run([shell("a", "echo hi")]).wait(CEILING).verdict is Verdict.OK


def test_a_run_that_is_stopped_at_once_announces_its_start_first(system):
    with RecordedEvents(system) as events:
        run = system.run([shell("a", "exec sleep 600"), shell("b", "true")])
        run.stop()
        assert run.wait(CEILING).verdict is Verdict.CANCELLED
        system.snapshot()
    assert isinstance(events.all[0], RunStarted)
    assert isinstance(events.all[-1], RunFinished)
    assert system.snapshot().of(run.id)[0].state is AgentState.CANCELLED


def test_the_rows_of_a_run_whose_supervisor_crashed_are_closed(state, monkeypatch, tmp_path):
    with ActorSystem(state_dir=state) as system:
        fleet = [shell("a", f"touch {tmp_path}/up; exec sleep 600"), shell("b", "true")]
        run = system.run(fleet, max_concurrent=1)
        wait_for_file(tmp_path / "up")
        with monkeypatch.context() as patch:
            patch.setattr(RunSupervisor, "_stop_all", defect)
            run.stop()
            run.wait(CEILING)
        assert all(row.state.final for row in system.snapshot().of(run.id))
    history = sqlite3.connect(f"{state}/history.db")
    runs = history.execute("SELECT state FROM runs").fetchall()
    agents = history.execute("SELECT DISTINCT state FROM agents").fetchall()
    history.close()
    assert (runs, agents) == ([("failed",)], [("failed",)])


def test_no_second_copy_is_started_beside_descendants_that_are_meant_to_stay(system, tmp_path):
    script = f"sleep 600 & echo $! >> {tmp_path}/pids; exit 75"
    spec = shell("a", script, keep_descendants=True, retry=at_once(3))
    result = system.run([spec]).wait(CEILING)
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert (len(result["a"].attempts), len(pids)) == (1, 1)
    wait_until(lambda: gone(pids[0]))


def test_a_prompt_that_could_not_be_written_is_written_by_the_next_attempt(system, monkeypatch):
    from actorch.actors import _launch

    whole = _launch.write_stdin

    def once(path, draft, data):
        monkeypatch.setattr(_launch, "write_stdin", whole)
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(_launch, "write_stdin", once)
    spec = shell("cat", "cat", stdin="deliver me", retry=at_once(2))
    result = system.run([spec]).wait(CEILING)
    assert [attempt.state for attempt in result["cat"].attempts] == [
        AgentState.FAILED,
        AgentState.SUCCEEDED,
    ]
    assert result["cat"].stdout == "deliver me"


def test_a_system_that_cannot_be_made_leaves_nothing(state):
    before = threading.active_count(), len(os.listdir("/dev/fd"))
    with pytest.raises((TypeError, ValueError)):
        ActorSystem(state_dir=state, env=5)
    assert (threading.active_count(), len(os.listdir("/dev/fd"))) == before


def test_agents_specs_of_a_run_may_be_any_iterable(system):
    run = system.run(AgentSpec(name, ["true"]) for name in "ab")
    assert run.wait(CEILING).total == 2
