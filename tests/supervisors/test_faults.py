"""Whatever breaks around a fleet: a verdict always comes, and nothing is left running."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from actorch.actors import AgentSpec, AgentState
from actorch.supervisors import ActorSystem, Verdict
from fleets import CEILING, at_once, gone, python, shell, wait_for_file, wait_until


def grandchild(tmp_path):
    """A script that leaves a child behind, which holds its output."""
    child = f"sh -c 'echo $$ > {tmp_path}/pid; exec sleep 600'"
    return f"{child} & until test -s {tmp_path}/pid; do :; done"


def only(system, spec, **options):
    return system.run([spec], **options).wait(CEILING)[spec.name]


def test_a_missing_interpreter_is_named(system, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    agent = only(system, AgentSpec("a", [str(script)]))
    assert agent.error.stage == "interpreter"
    assert "#!" in agent.error.message


def test_a_file_that_is_not_executable_is_told_apart_from_a_missing_one(system, tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\n")
    agent = only(system, AgentSpec("a", [str(plain)]))
    assert agent.error.stage == "command"
    assert "not executable" in agent.error.message


def test_a_directory_is_no_command(system, tmp_path):
    agent = only(system, AgentSpec("a", [str(tmp_path)]))
    assert agent.error.kind == "spawn_failed"
    assert "not executable" in agent.error.message


def test_a_script_without_interpreter_line_is_explained(system, tmp_path):
    script = tmp_path / "script"
    script.write_text("echo hi\n")
    script.chmod(0o755)
    agent = only(system, AgentSpec("a", [str(script)]))
    assert "no #! line" in agent.error.message


def test_an_environment_that_is_too_long_is_explained(system):
    env = {f"V{i}": "x" * 120_000 for i in range(40)}
    agent = only(system, shell("a", "true", env=env))
    assert "too long" in agent.error.message


def test_a_working_directory_that_vanished_is_named(system, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    spec = shell("a", "true", cwd=str(place))
    place.rmdir()
    agent = only(system, spec)
    assert agent.error.stage == "cwd"
    assert str(place) in agent.error.message


def test_both_streams_flooded_at_once_are_kept_to_the_last_byte(system):
    code = (
        "import os\n"
        "for i in range(2000):\n"
        "    os.write(1, b'o' * 4000 + b'\\n'); os.write(2, b'e' * 4000 + b'\\n')\n"
    )
    agent = only(system, python("flood", code))
    assert agent.ok
    attempt = agent.attempts[0]
    assert (attempt.stdout_bytes, attempt.stderr_bytes) == (2000 * 4001, 2000 * 4001)


def test_an_agent_that_closes_its_output_and_lives_on_is_waited_for(system, tmp_path):
    script = f"exec >&- 2>&-; until test -e {tmp_path}/go; do sleep 0.01; done; exit 4"
    run = system.run([shell("quiet", f"touch {tmp_path}/up; {script}")])
    wait_for_file(tmp_path / "up")
    assert not run.done()
    (tmp_path / "go").touch()
    assert run.wait(CEILING)["quiet"].exit.code == 4


def test_a_grandchild_that_holds_the_output_hangs_nothing_and_is_ended(system, tmp_path):
    script = grandchild(tmp_path)
    agent = only(system, shell("parent", script))
    assert agent.ok
    assert agent.exit.leftovers == 1
    assert gone(int((tmp_path / "pid").read_text()))


def test_keep_descendants_leaves_them_alone(system, tmp_path):
    script = grandchild(tmp_path)
    agent = only(system, shell("parent", script, keep_descendants=True))
    pid = int((tmp_path / "pid").read_text())
    try:
        assert agent.ok
        assert agent.exit.leftovers == 1
        assert not gone(pid)
    finally:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: gone(pid))


def test_death_by_a_foreign_signal_is_a_failure_with_its_own_class(system):
    agent = only(system, shell("a", "kill -SEGV $$"))
    assert agent.error.kind == "signal"
    assert (agent.exit.code, agent.exit.signal) == (None, signal.SIGSEGV)


def test_without_descriptors_agents_fail_with_that_reason_and_a_verdict_comes(state):
    code = f"""
import os, resource, sys
sys.path[:0] = {sys.path!r}
from actorch.actors import AgentSpec, Backoff, RetryPolicy
from actorch.supervisors import ActorSystem
backoff = Backoff(initial=0.001, cap=0.001)
with ActorSystem(state_dir={state!r}) as system:
    first = system.run([AgentSpec("warm", ["true"])]).wait(30)
    assert first.ok, first.failures
    held = []
    soft = len(os.listdir("/proc/self/fd")) + 8
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))
    while True:
        try:
            held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            break
    policy = RetryPolicy(max_attempts=2, backoff=backoff)
    result = system.run([AgentSpec("starved", ["true"], retry=policy)]).wait(30)
    for fd in held:
        os.close(fd)
    agent = result["starved"]
    print(result.verdict.value, agent.error.kind, len(agent.attempts))
    assert system.run([AgentSpec("after", ["true"])]).wait(30).ok
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "failed spawn_failed 2\n", done.stderr


def test_a_history_that_cannot_be_opened_is_said_and_stops_nothing(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "history.db").mkdir()
    with ActorSystem(state_dir=str(state)) as system:
        lost = threading.Event()
        system.events.history_lost.connect(lambda *_a, **_k: lost.set(), weak=False)
        result = system.run([shell("a", "echo hi")]).wait(CEILING)
    assert result["a"].stdout == "hi\n"
    assert "history.db" in result.history


def test_a_history_that_is_no_database_is_said_and_left_as_it_is(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    garbage = b"this is no database, it is a letter\n" * 100
    (state / "history.db").write_bytes(garbage)
    with ActorSystem(state_dir=str(state)) as system:
        result = system.run([shell("a", "true")]).wait(CEILING)
    assert result.verdict is Verdict.OK
    assert "not a database" in result.history
    assert (state / "history.db").read_bytes() == garbage


def test_a_history_made_by_a_newer_actorch_is_refused(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    connection = sqlite3.connect(state / "history.db")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with ActorSystem(state_dir=str(state)) as system:
        result = system.run([shell("a", "true")]).wait(CEILING)
    assert result.verdict is Verdict.OK
    assert "newer actorch" in result.history


def test_a_state_directory_that_cannot_be_made_is_stood_in_for(tmp_path):
    (tmp_path / "file").write_text("")
    with ActorSystem(state_dir=str(tmp_path / "file" / "state")) as system:
        result = system.run([shell("a", "echo hi")]).wait(CEILING)
    assert result["a"].stdout == "hi\n"
    assert "file/state" in result.history


@pytest.mark.slow
def test_a_locked_history_delays_no_verdict_for_ever(state):
    with ActorSystem(state_dir=state) as system:
        system.run([shell("a", "true")]).wait(CEILING)
        other = sqlite3.connect(f"{state}/history.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            result = system.run([shell("b", "true")]).wait(CEILING)
        finally:
            other.execute("ROLLBACK")
            other.close()
        assert result.verdict is Verdict.OK
        assert "locked" in result.history
        again = system.run([shell("c", "true")]).wait(CEILING)
        assert again.verdict is Verdict.OK
        assert system.run([shell("d", "true")]).wait(CEILING).history is None
    states = sqlite3.connect(f"{state}/history.db")
    found = dict(states.execute("SELECT name, state FROM agents").fetchall())
    states.close()
    assert found == {"a": "succeeded", "b": "succeeded", "c": "succeeded", "d": "succeeded"}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of half a mebibyte, and a way to mount it anew with other options."""
    place = tmp_path / "small"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")

    def remount(options):
        subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)

    yield place, remount
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_keeps_no_fleet_from_its_verdict(small_disk):
    place, _remount = small_disk
    with ActorSystem(state_dir=str(place / "state")) as system:
        system.run([shell("fine", "true")]).wait(CEILING)
        script = "head -c 2000000 /dev/zero || exit 28"
        result = system.run([shell("full", script), shell("b", "echo hi")]).wait(CEILING)
        assert result["full"].exit.code == 28
        assert "disk is full" in result["full"].error.message
        assert result.verdict is Verdict.FAILED


def test_what_a_full_disk_keeps_from_its_file_is_the_cause_and_no_success(small_disk):
    place, _remount = small_disk
    with ActorSystem(state_dir=str(place / "state")) as system:
        system.run([shell("fine", "true")]).wait(CEILING)
        script = "trap '' PIPE; head -c 2000000 /dev/zero; exit 0"
        agents = [shell("full", script, stdio="pipe"), shell("b", "echo hi")]
        result = system.run(agents).wait(CEILING)
        assert (result["full"].error.kind, result["full"].ok) == ("output_lost", False)
        assert "No space left on device" in result["full"].error.message
        assert result.verdict is Verdict.FAILED
        with open(result["full"].stdout_path, "rb") as file:
            assert set(file.read()) == {0}


def test_a_history_that_may_only_be_read_is_left_as_it_is_and_said(small_disk):
    place, remount = small_disk
    with ActorSystem(state_dir=str(place / "state")) as system:
        system.run([shell("first", "true")]).wait(CEILING)
    before = (place / "state" / "history.db").read_bytes()
    remount("ro")
    with ActorSystem(state_dir=str(place / "state")) as system:
        result = system.run([shell("second", "echo hi")]).wait(CEILING)
    assert result.verdict is Verdict.OK
    assert result["second"].stdout == "hi\n"
    assert "Read-only file system" in result.history
    assert (place / "state" / "history.db").read_bytes() == before


APP = """
import os, signal, sys, threading
sys.path[:0] = {path!r}
from actorch.actors import AgentSpec
from actorch.supervisors import ActorSystem
{prelude}
with ActorSystem(state_dir={state!r}) as system:
    result = system.run([AgentSpec("seven", ["/bin/sh", "-c", "exit 7"])]).wait(30)
    print(result["seven"].exit.code, result.verdict.value)
"""


@pytest.mark.parametrize(
    "prelude",
    [
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        """
def reap():
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            threading.Event().wait(0.001)
threading.Thread(target=reap, daemon=True).start()
""",
    ],
    ids=["sigchld-ignored", "another-thread-waits-for-everything"],
)
def test_an_exit_status_is_right_in_an_app_that_spoils_waiting(state, prelude):
    code = APP.format(path=sys.path, state=state, prelude=prelude)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "7 failed\n", done.stderr


@pytest.mark.slow
def test_a_killed_app_leaves_nothing_running_and_its_rows_become_interrupted(state, tmp_path):
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
from actorch.actors import AgentSpec
from actorch.supervisors import ActorSystem
script = "trap '' TERM; echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; "
script += "while :; do sleep 0.1; done"
ActorSystem(state_dir={state!r}).run([AgentSpec("a", script, shell=True)]).wait()
"""
    app = subprocess.Popen([sys.executable, "-c", code])
    wait_for_file(tmp_path / "pid")
    app.kill()
    app.wait()
    wait_until(lambda: gone(int((tmp_path / "pid").read_text())), "the end of the agent")
    with ActorSystem(state_dir=state) as system:
        system.run([shell("b", "true")]).wait(CEILING)
    connection = sqlite3.connect(f"{state}/history.db")
    states = [row[0] for row in connection.execute("SELECT state FROM runs ORDER BY started")]
    agents = [row[0] for row in connection.execute("SELECT state FROM agents ORDER BY name")]
    connection.close()
    assert states == ["interrupted", "ok"]
    assert agents == ["interrupted", "succeeded"]


def test_a_killed_shim_makes_its_agent_lost_and_the_next_attempt_starts_clean(system, tmp_path):
    script = (
        f"test $ACTORCH_ATTEMPT = 2 && exit 0; echo $$ > {tmp_path}/pid.new; "
        f"mv {tmp_path}/pid.new {tmp_path}/pid; exec sleep 600"
    )
    run = system.run([shell("a", script, retry=at_once(2))])
    wait_for_file(tmp_path / "pid")
    pid = int((tmp_path / "pid").read_text())
    with open(f"/proc/{pid}/stat", "rb") as file:
        shim = int(file.read().rpartition(b")")[2].split()[1])
    os.kill(shim, signal.SIGKILL)
    result = run.wait(CEILING)
    assert gone(pid)
    assert [attempt.state for attempt in result["a"].attempts] == [
        AgentState.LOST,
        AgentState.SUCCEEDED,
    ]


def test_five_hundred_agents_leave_no_descriptor_behind(system):
    before = len(os.listdir("/proc/self/fd"))
    result = system.run([shell(f"a{i}", "true") for i in range(500)]).wait(CEILING)
    assert result.verdict is Verdict.OK
    after = len(os.listdir("/proc/self/fd"))
    assert after - before <= 15
