"""Signals, closed streams, terminals: everything is stopped, told, and cleaned up."""

import contextlib
import fcntl
import os
import pty
import resource
import signal
import subprocess
import sys
import termios

import pytest

from fleets import CEILING, gone, wait_for_file, wait_until

from .conftest import COMMAND

POLITE = "trap 'echo bye >> {0}/bye; exit 0' TERM; {1}; while :; do sleep 0.05; done"
DEAF = "trap '' TERM; {1}; while :; do sleep 0.05; done"


def script(kind, folder):
    up = f"echo $$ > {folder}/new; mv {folder}/new {folder}/pid"
    return kind.format(folder, up)


@pytest.fixture
def agent(process, tmp_path):
    """A run of one agent that is up, the run's process, and the agent's pid."""

    def start(kind, *words, **options):
        one = process("run", *words, "-a", f'a=sh -c "{script(kind, tmp_path)}"', **options)
        wait_for_file(tmp_path / "pid")
        return one, int((tmp_path / "pid").read_text())

    return start


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_the_first_signal_stops_politely_and_decides_the_exit_code(agent, tmp_path, number, code):
    one, pid = agent(POLITE)
    one.send_signal(number)
    out, err = one.communicate(timeout=CEILING)
    assert one.returncode == code
    assert b"stopping every agent politely" in err
    assert out.splitlines()[-1].startswith(b"interrupted:")
    assert (tmp_path / "bye").read_text() == "bye\n"
    assert gone(pid)


def test_the_second_signal_kills(agent):
    one, pid = agent(DEAF)
    one.send_signal(signal.SIGINT)
    assert b"stopping every agent politely" in read_until(one.stderr, b"politely")
    one.send_signal(signal.SIGTERM)
    _out, err = one.communicate(timeout=4.0)
    assert one.returncode == 130
    assert b"killing every agent" in err
    assert gone(pid)


@pytest.mark.slow
def test_the_third_signal_exits_at_once_and_the_tree_ends_all_the_same(process, tmp_path):
    one = process("run", "--", "sh", "-c", script(DEAF, tmp_path))
    wait_for_file(tmp_path / "pid")
    pid = int((tmp_path / "pid").read_text())
    stopped = shim_of(pid)
    os.kill(stopped, signal.SIGSTOP)  # so that no kill can be carried out
    try:
        for word in (b"politely", b"killing", b"exiting"):
            one.send_signal(signal.SIGINT)
            assert word in read_until(one.stderr, word)
        assert one.wait(CEILING) == 130
    finally:
        with contextlib.suppress(ProcessLookupError):  # swept up already
            os.kill(stopped, signal.SIGCONT)
    wait_until(lambda: gone(pid))


def shim_of(pid):
    """The shim above an agent."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])


def read_until(stream, word):
    data = b""
    while word not in data:
        piece = os.read(stream.fileno(), 4096)
        assert piece, data
        data += piece
    return data


def test_a_killed_actorch_leaves_nothing_running(agent):
    one, pid = agent(DEAF)
    one.kill()
    one.wait()
    wait_until(lambda: gone(pid))


def test_a_signal_that_was_ignored_stays_ignored(agent):
    def ignore_hangup():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    one, pid = agent(POLITE, preexec_fn=ignore_hangup)
    one.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        one.wait(0.5)
    assert not gone(pid)
    one.send_signal(signal.SIGTERM)
    one.communicate(timeout=CEILING)
    assert one.returncode == 143


@pytest.mark.parametrize("words", [["--events"], ["--json"], []])
def test_a_closed_standard_output_ends_the_run_quietly(process, tmp_path, words):
    one = process("run", *words, "-a", "a=sh -c 'sleep 0.2'", "-a", "b=true")
    one.stdout.close()
    err = one.stderr.read()
    assert one.wait(CEILING) == 141
    assert b"Traceback" not in err
    one.stdout = None


def test_a_lone_command_whose_reader_is_gone_is_ended(process, tmp_path):
    text = script("{1}; while :; do echo y; done", tmp_path)
    one = process("run", "--", "sh", "-c", text)
    assert os.read(one.stdout.fileno(), 1) == b"y"
    one.stdout.close()
    err = one.stderr.read()
    assert (one.wait(CEILING), err) == (141, b"")
    assert gone(int((tmp_path / "pid").read_text()))
    one.stdout = None


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_standard_output_is_told_in_one_line(process):
    with open("/dev/full", "w") as full:
        one = process("run", "-q", "-a", "a=true", "-a", "b=true", stdout=full)
    err = one.stderr.read().decode()
    assert one.wait(CEILING) == 125
    assert err == "actorch: No space left on device; -vv shows where\n"


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_closed_standard_descriptors_are_no_reason_to_fail(closed):
    line = f'exec "$@" {closed}>&-'
    words = ["sh", "-c", line, "sh", *COMMAND, "run", "-a", "a=true"]
    done = subprocess.run(words, capture_output=True, timeout=CEILING, check=False)
    assert done.returncode == 0, done


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="counts switches in /proc")
def test_a_run_that_waits_wakes_nobody_up(process, tmp_path):
    one = process("run", "-q", "-a", f'a=sh -c "{script(POLITE, tmp_path)}"')
    wait_for_file(tmp_path / "pid")
    settled = switches(one.pid)
    with pytest.raises(subprocess.TimeoutExpired):
        one.wait(0.3)
    settled = switches(one.pid)
    with pytest.raises(subprocess.TimeoutExpired):
        one.wait(1.0)
    assert switches(one.pid) - settled <= 2
    one.send_signal(signal.SIGTERM)
    one.communicate(timeout=CEILING)


def switches(pid):
    """How often the threads of a process went to sleep so far."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as file:
            total += sum(int(x.split()[1]) for x in file if x.startswith("voluntary"))
    return total


def test_bytes_pass_whole_through_a_pipe_that_takes_few_at_a_time(process):
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    words = ["run", "--", "head", "-c", "1000000", "/dev/zero"]
    one = process(*words, stdout=theirs, env=environment)
    os.close(theirs)
    with open(ours, "rb") as file:
        assert file.read() == bytes(1_000_000)
    assert one.wait(CEILING) == 0


def test_a_terminal_that_takes_no_logs_keeps_no_agent_from_its_timeout(process, tmp_path):
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(theirs, bytes(4096))
    os.set_blocking(theirs, True)
    words = ["run", "-v", "--timeout", "0.3", "--retries", "0", "-a"]
    one = process(*words, f'a=sh -c "{script(POLITE, tmp_path)}"', stderr=theirs)
    os.close(theirs)
    wait_for_file(tmp_path / "pid")
    wait_until(lambda: gone(int((tmp_path / "pid").read_text())))
    with open(ours, "rb") as file:
        file.read()
    assert one.wait(CEILING) == 1


class Terminal:
    """A pseudo terminal with a run in it; `seen` is all that it was sent."""

    def __init__(self, *words, columns=100, lines=30):
        self.ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (lines, columns))
        environment = {**os.environ, "TERM": "xterm-256color"}
        environment.pop("NO_COLOR", None)
        self.process = subprocess.Popen(
            [*COMMAND, "run", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: become_controlling(theirs),
        )
        os.close(theirs)
        self.seen = b""

    def wait_for(self, *words):
        """Until all of these words have appeared."""
        while not all(word.encode() in self.seen for word in words):
            assert self.read(), self.seen.decode(errors="replace")

    def read(self):
        try:
            piece = os.read(self.ours, 65536)
        except OSError:  # Linux's way of saying that nobody is at the other end
            return False
        self.seen += piece
        return bool(piece)

    def end(self):
        """What it exits with."""
        while self.read():
            pass
        return self.process.wait(CEILING)


def become_controlling(descriptor):
    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@pytest.fixture
def terminal():
    opened = []

    def start(*words, **options):
        opened.append(Terminal(*words, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.process.kill()
        one.process.wait()
        with contextlib.suppress(OSError):
            os.close(one.ours)


def test_a_terminal_shows_a_live_table_and_keeps_the_last_frame(terminal):
    words = ["-a", "talker=sh -c 'echo some words; sleep 0.5'", "-a", "other=false"]
    one = terminal("--on-impossible", "continue", *words)
    one.wait_for("talker", "running", "some words", "1/3")
    assert one.end() == 1
    last = one.seen.decode().rpartition("agent ")[2]
    assert "✘ failed" in last
    assert "\x1b[?25h" in last
    assert "failed\x1b[0m: 1 of 2 agents succeeded" in last


def test_control_c_in_a_terminal_reaches_actorch_alone_and_is_answered(terminal, tmp_path):
    one = terminal("-a", f'a=sh -c "{script(POLITE, tmp_path)}"')
    one.wait_for("running")
    wait_for_file(tmp_path / "pid")
    os.write(one.ours, b"\x03")
    one.wait_for("stopping every agent politely")
    assert one.end() == 130
    assert (tmp_path / "bye").exists()


def test_control_z_shows_the_cursor_and_whoever_continues_hides_it_again(terminal, tmp_path):
    """In a terminal without a shell, nothing can be stopped: here it goes on at once."""
    one = terminal("-a", f'a=sh -c "touch {tmp_path}/up; exec sleep 600"')
    one.wait_for("running")
    before = one.seen.count(b"\x1b[?25l")
    os.write(one.ours, b"\x1a")
    while one.seen.count(b"\x1b[?25l") == before:
        assert one.read()
    assert one.seen.rindex(b"\x1b[?25h") < one.seen.rindex(b"\x1b[?25l")
    os.write(one.ours, b"\x03")
    assert one.end() == 130


def test_control_backslash_ends_it_with_the_cursor_shown_and_nothing_left(terminal, tmp_path):
    one = terminal("-a", f'a=sh -c "{script(POLITE, tmp_path)}"')
    one.wait_for("running")
    wait_for_file(tmp_path / "pid")
    os.write(one.ours, b"\x1c")
    assert one.end() == -signal.SIGQUIT
    assert one.seen.rindex(b"\x1b[?25h") > one.seen.rindex(b"\x1b[?25l")
    wait_until(lambda: gone(int((tmp_path / "pid").read_text())), "the end of the agent")


def test_a_terminal_that_is_closed_stops_the_run(terminal, tmp_path):
    one = terminal("-a", f'a=sh -c "{script(POLITE, tmp_path)}"')
    one.wait_for("running")
    wait_for_file(tmp_path / "pid")
    os.close(one.ours)
    assert one.process.wait(CEILING) == 129
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_dumb_terminal_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [*COMMAND, "run", "-a", "a=true"], stdout=theirs, stderr=theirs, check=False
        )
        assert done.returncode == 0
        assert b"\x1b" not in os.read(ours, 65536)
    finally:
        os.close(ours)
        os.close(theirs)


def test_the_module_runs_as_the_command_does():
    done = subprocess.run(
        [sys.executable, "-m", "actorch.cli", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("actorch ")
