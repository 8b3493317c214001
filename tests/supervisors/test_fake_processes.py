"""`FakeProcesses`: agents that start nothing, and all else as with real ones."""

import errno
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psutil
import pytest

from actorch.actors import (
    AgentChanged,
    AgentOutput,
    AgentRow,
    AgentSpec,
    AgentState,
    Backoff,
    Event,
    RetryPolicy,
    RunFinished,
    SpawnError,
    SpecError,
    StopPlan,
)
from actorch.actors.testing import FakeProcesses, FakeScript, ManualClock, RecordedEvents
from actorch.supervisors import ActorSystem, ChildSpec, Supervisor, Verdict
from fleets import wait_until
from snares import Snare


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def fake() -> FakeProcesses:
    return FakeProcesses()


@pytest.fixture
def system(clock: ManualClock, fake: FakeProcesses, state_dir: str) -> Iterator[ActorSystem]:
    with ActorSystem(state_dir=state_dir, clock=clock, processes=fake) as system:
        yield system


def agent(name: str = "lint", **options: Any) -> AgentSpec:
    return AgentSpec(name, ["no-such-program", "--of", name], **options)


def row_of(system: ActorSystem, name: str = "lint") -> AgentRow:
    [row] = [row for row in system.snapshot().agents if row.name == name]
    return row


def state_of(system: ActorSystem, name: str = "lint") -> AgentState:
    return row_of(system, name).state


def printed(system: ActorSystem, name: str = "lint") -> bytes:
    path = row_of(system, name).stdout_path
    assert path is not None
    with open(path, "rb") as file:
        return file.read()


def test_without_a_script_an_agent_succeeds_at_once(
    system: ActorSystem, fake: FakeProcesses
) -> None:
    result = system.run([agent(f"agent-{n}") for n in range(20)]).wait(timeout=10)
    assert result.verdict is Verdict.OK
    assert len(fake.started) == 20
    assert repr(fake) == "<FakeProcesses: 20 started, 0 running>"


def test_no_process_is_started(
    system: ActorSystem, fake: FakeProcesses, clock: ManualClock
) -> None:
    fake.script("lint", FakeScript().runs_on())
    before = psutil.Process().children(recursive=True)
    run = system.run([agent()])
    clock.advance()
    assert fake.of("lint")[0].running
    assert psutil.Process().children(recursive=True) == before
    assert not psutil.pid_exists(fake.of("lint")[0].pid)
    run.stop()


def test_what_was_asked_for_is_kept(
    system: ActorSystem, fake: FakeProcesses, tmp_path: Any
) -> None:
    spec = agent(env={"TOKEN": "secret"}, cwd=str(tmp_path), stdin="the prompt")
    run = system.run([spec])
    run.wait(timeout=10)
    [process] = fake.started
    assert process.argv == ("no-such-program", "--of", "lint")
    assert process.env["TOKEN"] == "secret"
    assert process.env["ACTORCH_RUN_ID"] == run.id
    assert (process.cwd, process.stdin) == (str(tmp_path), b"the prompt")
    assert (process.agent, process.attempt, process.signals) == ("lint", 1, ())
    assert repr(process) == "<FakeProcess lint attempt 1: exited with code 0>"


def test_it_prints_and_exits_when_its_time_has_come(
    system: ActorSystem, fake: FakeProcesses, clock: ManualClock
) -> None:
    script = FakeScript().prints("two\n", after=2).prints(b"one\n").prints("!", stream="stderr")
    fake.script("lint", script.exits(1, after=3))
    run = system.run([agent()])
    clock.advance(1.999)
    assert printed(system) == b"one\n"
    clock.advance(1)
    assert printed(system) == b"one\ntwo\n"
    assert state_of(system) is AgentState.RUNNING
    clock.advance(0.001)
    result = run.wait(timeout=0)["lint"]
    assert (result.state, result.stdout, result.stderr) == (AgentState.FAILED, "one\ntwo\n", "!")
    assert result.duration == 3
    assert result.exit is not None
    assert result.exit.code == 1


def test_a_signal_of_its_own_ends_it(system: ActorSystem, fake: FakeProcesses) -> None:
    fake.script("lint", FakeScript().dies_of(signal.SIGSEGV))
    result = system.run([agent()]).wait(timeout=10)["lint"]
    assert result.state is AgentState.FAILED
    assert "SIGSEGV" in result.note
    assert fake.started[0].signals == ()
    assert repr(fake.started[0]) == "<FakeProcess lint attempt 1: ended by SIGSEGV>"


@pytest.mark.parametrize(
    ("number", "stage", "about"),
    [
        (errno.ENOENT, "command", "no-such-program"),
        (errno.ENOENT, "cwd", "/"),
        (errno.EACCES, "exec", "cannot be started (exec)"),
    ],
)
def test_a_start_fails_at_its_stage(
    system: ActorSystem, fake: FakeProcesses, number: int, stage: Any, about: str
) -> None:
    fake.script("lint", FakeScript().fails_to_start(number, stage))
    result = system.run([agent(cwd="/")]).wait(timeout=10)["lint"]
    assert isinstance(result.error, SpawnError)
    assert result.error.errno == number
    assert about in result.error.message
    assert result.attempts[0].pid is None
    assert repr(fake.started[0]) == f"<FakeProcess lint attempt 1: not started: {stage}>"


def test_each_start_has_its_script_and_the_last_is_for_all_that_follow(
    system: ActorSystem, fake: FakeProcesses, clock: ManualClock
) -> None:
    fake.script("lint", FakeScript().exits(75), FakeScript().exits(70), FakeScript().exits(75))
    retry = RetryPolicy(max_attempts=4, retry_on="any", backoff=Backoff(initial=60, jitter="none"))
    run = system.run([agent(retry=retry)])
    clock.advance(59)
    assert len(fake.started) == 1
    clock.advance(1)
    assert len(fake.started) == 2
    clock.advance(600)
    codes = [attempt.exit and attempt.exit.code for attempt in run.wait(timeout=0)["lint"].attempts]
    assert codes == [75, 70, 75, 75]
    assert [process.attempt for process in fake.of("lint")] == [1, 2, 3, 4]


def test_a_stop_is_a_signal_and_then_an_end(
    system: ActorSystem, fake: FakeProcesses, clock: ManualClock
) -> None:
    fake.script("lint", FakeScript().runs_on())
    run = system.run([agent()])
    clock.advance(5)
    run.stop()
    clock.advance()
    assert run.wait(timeout=0)["lint"].state is AgentState.CANCELLED
    assert fake.started[0].signals == (signal.SIGTERM,)


def test_who_ignores_the_polite_signals_is_killed_after_the_whole_plan(
    system: ActorSystem, fake: FakeProcesses, clock: ManualClock
) -> None:
    fake.script("lint", FakeScript().runs_on().ignores(signal.SIGINT).ignores())
    run = system.run([agent(stop=StopPlan.parse("INT 10s TERM 5s"))])
    clock.advance()
    run.stop()
    clock.advance(14.9)
    assert state_of(system) is AgentState.STOPPING
    assert fake.started[0].signals == (signal.SIGINT, signal.SIGTERM)
    clock.advance(0.1)
    end = run.wait(timeout=0)["lint"].exit
    assert end is not None
    assert (end.signal, end.killed) == (signal.SIGKILL, 1)
    assert fake.started[0].signals == (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def test_timeouts_are_those_of_the_clock(
    system: ActorSystem, fake: FakeProcesses, clock: ManualClock
) -> None:
    fake.script("lint", FakeScript().prints(".", after=50).prints(".", after=100).runs_on())
    once = RetryPolicy(max_attempts=1)
    idle = agent(idle_timeout=60, retry=once)
    whole = agent("whole", timeout=120, retry=once)
    fake.script("whole", FakeScript().exits(after=121))
    run = system.run([idle, whole], quorum="any")
    clock.advance(119)
    assert state_of(system, "whole") is AgentState.RUNNING
    clock.advance(1)
    assert state_of(system, "whole") is AgentState.TIMED_OUT
    clock.advance(39)
    assert state_of(system) is AgentState.RUNNING
    clock.advance(1)
    assert run.wait(timeout=0)["lint"].state is AgentState.TIMED_OUT
    assert run.wait(timeout=0)["lint"].duration == 160


def test_what_no_machine_here_may_have_is_granted(system: ActorSystem) -> None:
    spec = agent(isolation="cgroup", memory_max=1 << 30, pids_max=5, cpu_quota=0.5)
    assert system.run([spec, agent("apart", isolation="pidns")]).wait(timeout=10)


@pytest.mark.parametrize("stdio", ["file", "pipe", "pty"])
def test_however_much_it_prints_all_is_in_its_file(
    system: ActorSystem, fake: FakeProcesses, stdio: Any
) -> None:
    text = "line\n" * 100_000
    fake.script("lint", FakeScript().prints(text).prints("last", stream="stderr"))
    result = system.run([agent(stdio=stdio)]).wait(timeout=20)["lint"]
    if stdio == "pty":
        assert result.stdout.replace("\r\n", "\n") == text + "last"
    else:
        assert (result.stdout, result.stderr) == (text, "last")


@pytest.mark.parametrize("stdio", ["file", "pty"])
def test_what_it_is_sent_is_kept(
    system: ActorSystem, fake: FakeProcesses, clock: ManualClock, stdio: Any
) -> None:
    fake.script("lint", FakeScript().runs_on())
    run = system.run([agent(stdin="open", stdio=stdio)])
    clock.advance()
    assert run.send("lint", "go on\n").get(timeout=10)
    wait_until(lambda: fake.started[0].stdin == b"go on\n", "the first line")
    assert run.send("lint", "and on\n", end=True).get(timeout=10)
    wait_until(lambda: fake.started[0].stdin == b"go on\nand on\n", "the second line")
    run.stop()


def test_a_supervisor_starts_it_again(
    system: ActorSystem, fake: FakeProcesses, clock: ManualClock
) -> None:
    fake.script("lint", FakeScript().exits(1, after=10), FakeScript().runs_on())
    tree = system.supervise(Supervisor([ChildSpec("lint", agent())]))
    clock.advance(10)
    clock.advance(60)
    assert [process.running for process in fake.of("lint")] == [False, True]
    assert tree.count_children().active == 1


def test_closing_a_system_ends_them(clock: ManualClock, state_dir: str) -> None:
    fake = FakeProcesses(default=FakeScript().runs_on())
    with ActorSystem(state_dir=state_dir, clock=clock, processes=fake) as system:
        run = system.run([agent(), agent("types")])
        clock.advance()
        assert [process.running for process in fake.started] == [True, True]
    assert [process.running for process in fake.started] == [False, False]
    assert run.wait(timeout=0).verdict is Verdict.CANCELLED


@pytest.mark.slow
def test_a_loop_that_is_stuck_keeps_none_of_them(
    fake: FakeProcesses, clock: ManualClock, state_dir: str
) -> None:
    snare = Snare()
    fake.script("lint", FakeScript().runs_on())
    system = ActorSystem(state_dir=state_dir, clock=clock, processes=fake)
    run = system.run([agent(stdin="open")])
    clock.advance()
    system.events.run_started.connect(snare.never_returns)
    system.run([agent("types")])
    snare.caught()
    system.close(timeout=0.2)
    assert not fake.of("lint")[0].running
    assert run.wait(timeout=0).verdict is Verdict.FAILED
    snare.release.set()


def test_several_systems_may_have_the_same(fake: FakeProcesses, state_dir: str) -> None:
    for number in (1, 2):
        with ActorSystem(state_dir=f"{state_dir}-{number}", processes=fake) as system:
            assert system.run([agent()]).wait(timeout=10).verdict is Verdict.OK
    pids = {process.pid for process in fake.of("lint")}
    assert len(pids) == 2


@pytest.mark.parametrize("seconds", [-1, float("nan"), "soon"])
def test_a_script_with_no_sensible_time_is_refused(seconds: Any) -> None:
    for refused in (FakeScript().exits, FakeScript().prints):
        with pytest.raises(SpecError):
            refused("1", after=seconds)  # type: ignore[arg-type,operator]


# As with real ones.

VOLATILE = {
    *("id", "run_id", "started", "finished", "duration", "directory", "command", "argv"),
    *("pid", "start_time", "shim", "stdout_path", "stderr_path", "brand", "isolation", "cgroup"),
    *("user_time", "system_time", "max_rss"),
}

SCENES: dict[str, tuple[str, FakeScript]] = {
    "success": (
        "printf out; printf err >&2",
        FakeScript().prints("out").prints("err", stream="stderr"),
    ),
    "failure": ("printf out; exit 3", FakeScript().prints("out").exits(3)),
    "signal": ("kill -SEGV $$", FakeScript().dies_of(signal.SIGSEGV)),
    "missing": ("", FakeScript().fails_to_start(errno.ENOENT)),
    "stubborn": (
        "trap '' TERM; echo up; while :; do read -r x </dev/zero; done",
        FakeScript().prints("up\n").runs_on().ignores(),
    ),
    "slow": ("echo up; exec sleep 600", FakeScript().prints("up\n").runs_on()),
}


def history(folder: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"{folder}/history.db")) as connection:
        connection.row_factory = sqlite3.Row
        rows = [
            dict(row)
            for name in ("runs", "agents", "attempts")
            for row in connection.execute(f"SELECT * FROM {name}")
        ]
    return [{key: row[key] for key in row if key not in VOLATILE} for row in rows]


def told(event: Event) -> Any:
    if isinstance(event, AgentChanged):
        row = event.agent
        return row.name, row.state, row.attempt, row.detail, row.pid is None, row.finished is None
    return type(event).__name__


def is_running(event: Event) -> bool:
    return isinstance(event, AgentChanged) and event.agent.state is AgentState.RUNNING


def scene(name: str, folder: str, processes: FakeProcesses | None) -> Any:
    """All that can be seen of one run, but for what is another each time."""
    words = ["/no/such/program"] if name == "missing" else ["/bin/sh", "-c", SCENES[name][0]]
    stop = StopPlan.parse("TERM 0.2s")
    spec = AgentSpec("one", words, stop=stop)
    with (
        ActorSystem(state_dir=folder, processes=processes) as system,
        RecordedEvents(system) as events,
    ):
        run = system.run([spec])
        if name in ("stubborn", "slow"):
            events.wait_for(is_running)
            for _ in run.lines("one"):
                run.stop()
        result = run.wait(timeout=20)
        events.wait_for(RunFinished)
        news = [told(event) for event in events.all if not isinstance(event, AgentOutput)]
    one = result["one"]
    files = sorted(
        os.path.relpath(os.path.join(top, file), run.directory)
        for top, _, names in os.walk(run.directory)
        for file in names
    )
    return (
        result.verdict,
        one.state,
        str(one.error),
        one.stdout,
        one.stderr,
        news,
        files,
        history(folder),
    )


@pytest.mark.parametrize("name", SCENES)
def test_files_rows_and_news_are_as_with_a_real_process(name: str, tmp_path: Any) -> None:
    fake = FakeProcesses(default=SCENES[name][1])
    real = scene(name, str(tmp_path / "real"), None)
    assert scene(name, str(tmp_path / "fake"), fake) == real
