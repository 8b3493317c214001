"""What agents print is kept, whole and in order, whatever is between them and their files."""

import hashlib
import os
import random
import signal
import stat

import pytest

from actorch.actors import AgentSpec, RetryPolicy, SpecError, UsageError
from actorch.actors._growth import Growth
from actorch.supervisors._run import RunSupervisor
from fleets import CEILING, at_once, python, shell, wait_for_file, wait_until

MODES = ["file", "pipe", "pty"]
MIXED = """
import os
for number in range(3000):
    os.write(1 + number % 2, b"%d\\n" % number)
"""
NOISE = """
import os, random
source = random.Random(7)
for _ in range(50):
    os.write(2, b"e")
    os.write(1, source.randbytes(60_001))
"""
FLOOD = "import os\nblock = b'0123456789abcdef' * 65536\nwhile True: os.write(1, block)"


def only(system, agent):
    return system.run([agent]).wait(CEILING)[agent.name]


def raw(agent):
    with open(agent.stdout_path, "rb") as file:
        return file.read()


# Modes


@pytest.mark.parametrize("mode", ["file", "pipe"])
def test_every_byte_is_kept(system, mode):
    agent = only(system, python("a", NOISE, stdio=mode))
    source = random.Random(7)
    expected = hashlib.sha256(b"".join(source.randbytes(60_001) for _ in range(50)))
    assert hashlib.sha256(raw(agent)).digest() == expected.digest()
    assert agent.stderr == "e" * 50
    assert agent.attempts[0].stdout_bytes == 50 * 60_001


@pytest.mark.parametrize("mode", MODES)
def test_merged_streams_keep_their_true_order(system, mode):
    agent = only(system, python("a", MIXED, stdio=mode, merge=True))
    assert agent.stdout.split() == [str(number) for number in range(3000)]
    assert agent.stdout_path == agent.stderr_path
    assert agent.attempts[0].stderr_bytes == 0


@pytest.mark.parametrize("mode", MODES)
def test_the_last_line_needs_no_newline(system, mode):
    agent = only(system, shell("a", "printf 'one\\ntwo'", stdio=mode))
    assert agent.stdout.replace("\r", "") == "one\ntwo"


@pytest.mark.parametrize("mode", MODES)
def test_an_agent_that_timed_out_leaves_what_it_has_printed(system, mode):
    script = "echo answer; exec sleep 600"
    agent = only(system, shell("a", script, stdio=mode, timeout=1.0))
    assert agent.error.kind == "timeout"
    assert agent.stdout.strip() == "answer"


@pytest.mark.parametrize("mode", MODES)
def test_a_grandchild_that_holds_the_output_hangs_nothing(system, mode, tmp_path):
    script = f"(trap '' HUP; sleep 600 & echo $! > {tmp_path}/pid); echo done"
    agent = only(system, shell("a", script, stdio=mode, keep_descendants=True))
    assert agent.stdout.strip() == "done"
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, signal.SIGKILL)


def test_a_terminal_is_the_agents_own(system):
    script = "test -t 1 && test -t 2 && echo terminal; tty < /dev/tty; stty size < /dev/tty"
    agent = only(system, shell("a", script, stdio="pty", env={"LINES": "30", "COLUMNS": "99"}))
    first, second, third = agent.stdout.splitlines()
    assert (first, third) == ("terminal", "30 99")
    assert second.startswith("/dev/")
    assert raw(agent).endswith(b"30 99\r\n")


def test_closing_its_streams_before_it_exits_hangs_no_agent_up(system):
    code = "import os; os.write(1, b'hi'); os.close(1); os.close(2)\n"
    code += "for _ in range(50): os.sched_yield()"
    agents = [python(f"{n}", code, stdio="pty") for n in range(100)]
    result = system.run(agents, on_impossible="continue", max_concurrent=10).wait(CEILING)
    assert [agent.error for agent in result.failures] == []
    assert {agent.stdout for agent in result.agents} == {"hi"}


def test_two_terminals_are_two(system):
    agents = [shell(name, "tty < /dev/tty", stdio="pty") for name in ("a", "b")]
    result = system.run(agents).wait(CEILING)
    assert result["a"].ok
    assert result["a"].stdout != result["b"].stdout or result["a"].stdout == "/dev/tty\r\n"


def test_what_an_agent_writes_to_its_own_stdout_by_name_cuts_off_nothing_in_a_pipe(system):
    agent = only(system, shell("a", "echo one; echo two > /dev/stdout; echo three", stdio="pipe"))
    assert agent.stdout == "one\ntwo\nthree\n"


@pytest.mark.parametrize("mode", MODES)
def test_files_that_nothing_was_written_to_are_removed(system, mode):
    run = system.run([shell("silent", "true", stdio=mode), shell("loud", "echo x", stdio=mode)])
    result = run.wait(CEILING)
    assert os.listdir(run.directory) == ["loud.1.out"]
    assert (result["silent"].stdout, result["silent"].stderr) == ("", "")


def test_an_empty_file_stays_for_those_who_may_write_to_it_yet(system, tmp_path):
    script = f"(until test -e {tmp_path}/go; do sleep 0.01; done; echo late) & exit 0"
    agent = only(system, shell("a", script, keep_descendants=True))
    (tmp_path / "go").touch()
    wait_until(lambda: raw(agent) == b"late\n", "the output of the one left behind")


@pytest.mark.parametrize("mode", MODES)
def test_each_attempt_has_files_of_its_own(system, mode):
    script = "echo $ACTORCH_ATTEMPT; test $ACTORCH_ATTEMPT = 3 || exit 75"
    agent = only(system, shell("a", script, stdio=mode, retry=at_once(3)))
    found = []
    for attempt in agent.attempts:
        with open(attempt.stdout_path, encoding="ascii") as file:
            found.append(file.read().strip())
    assert found == ["1", "2", "3"]


@pytest.mark.parametrize("mode", MODES)
def test_names_may_be_long_unicode_or_look_like_options(system, mode):
    names = ["--help", "-", "$(reboot)", "ü" * 100, "x" * 100, "a b", "\U0001f600"]
    result = system.run([shell(name, "echo hi", stdio=mode) for name in names]).wait(CEILING)
    assert {agent.stdout.strip() for agent in result.agents} == {"hi"}


@pytest.mark.parametrize("mode", MODES)
def test_descriptors_are_given_back_when_attempts_end(system, mode):
    agents = [shell(str(number), "echo hi", stdio=mode) for number in range(30)]
    system.run(agents[:1]).wait(CEILING)
    before = len(os.listdir("/dev/fd"))
    for _ in range(2):
        assert system.run(agents, max_concurrent=5).wait(CEILING).ok
    wait_until(lambda: len(os.listdir("/dev/fd")) <= before + 5, "the descriptors' end")


def test_a_row_tells_what_was_printed_last_and_when(system, tmp_path):
    wait = "until test -e {}; do sleep 0.01; done"
    first, second = (wait.format(tmp_path / name) for name in ("first", "second"))
    run = system.run([shell("a", f"echo one; {first}; echo two >&2; {second}")])
    for text, gate in (("one", "first"), ("two", "second")):
        wait_until(lambda text=text: [row.last_line for row in rows(system)] == [text], text)
        (tmp_path / gate).touch()
    assert rows(system)[0].last_output >= os.stat(tmp_path / "first").st_mtime - 1
    run.wait(CEILING)


def rows(system):
    return system.snapshot().agents


# Limits


@pytest.mark.parametrize("mode", MODES)
def test_whoever_prints_more_than_it_may_is_ended_and_its_file_is_no_larger(system, mode):
    agent = only(system, python("a", FLOOD, stdio=mode, output_max="100K"))
    attempt = agent.attempts[0]
    assert (agent.error.kind, attempt.stdout_bytes) == ("output_limit", 102_400)
    assert os.stat(agent.stdout_path).st_size == 102_400
    assert attempt.truncated > 0
    assert agent.exit.signal == signal.SIGKILL


def test_whoever_was_too_fast_for_a_look_has_failed_as_well(system, monkeypatch):
    monkeypatch.setattr(Growth, "begin", lambda *_args: None)  # as if there were no look
    agent = only(system, shell("a", "head -c 200000 /dev/zero", output_max="100K"))
    assert (agent.error.kind, agent.exit.code, agent.exit.requested) == ("output_limit", 0, False)
    assert agent.attempts[0].truncated == 200_000 - 102_400


def test_the_limit_holds_for_each_stream(system):
    script = "head -c 90000 /dev/zero; head -c 90000 /dev/zero >&2"
    assert only(system, shell("a", script, output_max="100K")).ok
    merged = only(system, shell("a", script, output_max="100K", merge=True))
    assert merged.error.kind == "output_limit"


@pytest.mark.parametrize("mode", ["file", "pipe"])
def test_of_what_keeps_its_tail_the_head_is_given_back(system, mode):
    options = {"output_max": "64K", "on_output_max": "keep-tail", "stdio": mode}
    agent = only(system, shell("a", "seq 1000000", **options))
    attempt = agent.attempts[0]
    assert agent.ok
    assert agent.stdout.splitlines()[-1] == "1000000"
    assert agent.stdout.endswith("\n".join(map(str, range(991_000, 1_000_001))) + "\n")
    assert attempt.stdout_bytes + attempt.truncated == os.stat(agent.stdout_path).st_size
    assert 65_536 <= attempt.stdout_bytes <= 65_536 + 4096
    assert os.stat(agent.stdout_path).st_blocks * 512 < 3 * 65_536


def test_where_no_head_can_be_given_back_it_is_ended(system, monkeypatch):
    monkeypatch.setattr("actorch.actors._output_limit.give_back", lambda *_args: False)
    options = {"output_max": "64K", "on_output_max": "keep-tail"}
    agent = only(system, python("a", FLOOD, **options))
    assert agent.error.kind == "output_limit"
    assert "cannot be given back" in agent.error.message
    assert os.stat(agent.stdout_path).st_size == 65_536


@pytest.mark.parametrize("what", ["ln -s {precious} $f", "mkfifo $f", "mkdir $f"])
@pytest.mark.parametrize("how", ["stop", "keep-tail"])
def test_what_an_agent_puts_in_the_place_of_its_file_is_not_cut_off(system, tmp_path, what, how):
    precious = tmp_path / "precious"
    precious.write_text("x" * 100_000)
    script = f"f=$(readlink /proc/$$/fd/1); rm $f; {what.format(precious=precious)}"
    agent = only(system, shell("a", script, output_max="1K", on_output_max=how))
    assert precious.stat().st_size == 100_000
    assert precious.stat().st_blocks > 0
    assert agent.attempts[0].truncated == 0


# Input that stays open


@pytest.mark.parametrize("mode", MODES)
def test_an_agent_is_spoken_to_line_by_line(system, mode, tmp_path):
    script = f"read a; echo got $a; touch {tmp_path}/one; read b; echo got $b"
    run = system.run([shell("a", script, stdin="open", stdio=mode)])
    first = run.send("a", "one\n")
    wait_for_file(tmp_path / "one")
    assert first.get(timeout=CEILING)
    run.send("a", b"two\n")
    agent = run.wait(CEILING)["a"]
    assert agent.stdout.split() == ["got", "one", "got", "two"]
    assert not run.send("a", "three\n").get(timeout=CEILING)


def test_an_input_that_is_ended_has_an_end(system):
    run = system.run([shell("a", "cat", stdin="open")])
    data = "x" * 3_000_000
    assert run.send("a", data, end=True).get(timeout=CEILING)
    assert run.wait(CEILING)["a"].stdout == data


@pytest.mark.parametrize("text", ["", "a line\n", "a line\nno newline"])
def test_an_input_that_is_ended_has_an_end_on_a_terminal_as_well(system, text):
    run = system.run([shell("a", "cat", stdin="open", stdio="pty")])
    assert run.send("a", text, end=True).get(timeout=CEILING)
    assert run.wait(CEILING)["a"].stdout == text.replace("\n", "\r\n")


def test_an_agent_that_cannot_be_spoken_to_is_not_started(system, tmp_path, monkeypatch):
    def too_many(*_args):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("actorch.actors._input.OpenInput.type_on", too_many)
    script = f"trap '' HUP; touch {tmp_path}/ran"
    agent = only(system, shell("a", script, stdin="open", stdio="pty"))
    assert "Too many open files" in agent.error.message
    system.close()
    assert not (tmp_path / "ran").exists()


def test_what_is_sent_before_an_agent_runs_waits_for_it(system, tmp_path):
    script = f"until test -e {tmp_path}/go; do sleep 0.01; done"
    run = system.run([shell("first", script), shell("a", "cat", stdin="open")], max_concurrent=1)
    sent = run.send("a", "early", end=True)
    (tmp_path / "go").touch()
    assert run.wait(CEILING)["a"].stdout == "early"
    assert sent.get(timeout=CEILING)


def test_whoever_sends_is_told_at_any_moment_of_the_end(system):
    for _ in range(20):
        run = system.run([shell("a", "true", stdin="open")])
        while not run.done():
            sent = [run.send("a", "x") for _ in range(50)]
            assert sent[0].get(timeout=CEILING) >= sent[-1].get(timeout=CEILING)


def test_what_waits_for_an_agent_that_never_comes_is_refused(system):
    agents = [shell("a", "exec sleep 600"), shell("b", "true"), shell("c", "cat", stdin="open")]
    run = system.run(agents, max_concurrent=1)
    sent = run.send("c", "early")
    run.stop("c")
    assert not sent.get(timeout=CEILING)
    run.kill()


def test_any_number_of_words_may_wait_for_an_agent(system, tmp_path):
    script = f"until test -e {tmp_path}/go; do sleep 0.01; done"
    agents = [shell("a", script), shell("b", "true"), shell("c", "wc -l", stdin="open")]
    run = system.run(agents, max_concurrent=1)
    for _ in range(100_001):
        run.send("c", "\n")
    run.send("c", "", end=True)
    (tmp_path / "go").touch()
    assert run.wait(CEILING)["c"].stdout == "100001\n"


def test_what_waits_is_refused_if_the_supervisor_of_the_run_raises(system, monkeypatch):
    agents = [shell("a", "exec sleep 600"), shell("b", "true"), shell("c", "cat", stdin="open")]
    run = system.run(agents, max_concurrent=1)
    sent = run.send("c", "early")
    wait_until(lambda: any(row.pid for row in system.snapshot().agents), "the start of a")
    monkeypatch.setattr(RunSupervisor, "_stop_all", lambda *_args: 1 / 0)
    run.stop()
    assert not sent.get(timeout=CEILING)


def test_an_agent_that_never_reads_hinders_nobody(system):
    run = system.run([shell("a", "exec sleep 600", stdin="open"), shell("b", "echo hi")])
    sent = run.send("a", b"x" * 10_000_000)
    wait_until(lambda: run.results().successes, "the end of b")
    run.stop()
    assert run.wait(CEILING)["b"].stdout == "hi\n"
    assert not sent.get(timeout=CEILING)


def test_an_agent_that_closes_its_input_is_no_failure(system, tmp_path):
    script = f"exec <&-; touch {tmp_path}/closed; until test -e {tmp_path}/go; do sleep 0.01; done"
    run = system.run([shell("a", script, stdin="open")])
    wait_for_file(tmp_path / "closed")
    wait_until(lambda: not run.send("a", "anybody?\n").get(timeout=CEILING), "the broken pipe")
    (tmp_path / "go").touch()
    assert run.wait(CEILING).ok


def test_the_pipe_is_private_and_gone_when_the_attempt_is(system, tmp_path):
    run = system.run([shell("a", f"touch {tmp_path}/up; cat", stdin="open")])
    wait_for_file(tmp_path / "up")
    path = f"{run.directory}/a.1.stdin"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with open(path, "wb") as other:
        other.write(b"from another process\n")
    assert run.send("a", b"", end=True).get(timeout=CEILING)
    assert run.wait(CEILING)["a"].stdout == "from another process\n"
    assert not os.path.exists(path)


def test_only_who_listens_can_be_sent_to(system):
    run = system.run([shell("a", "true"), shell("b", "true", stdin="text")])
    run.wait(CEILING)
    with pytest.raises(UsageError, match="no agent named 'c'"):
        run.send("c", "x")
    with pytest.raises(UsageError, match='stdin = "open"'):
        run.send("b", "x")


@pytest.mark.parametrize("data", [5, None, ["text"], "\ud800"])
def test_what_is_neither_text_nor_bytes_is_not_sent(system, data):
    run = system.run([shell("a", "cat", stdin="open")])
    with pytest.raises(UsageError, match=r"^data: .* is not allowed: must be text or bytes$"):
        run.send("a", data)
    run.send("a", bytearray(b"yes"), end=True)
    assert run.wait(CEILING)["a"].stdout == "yes"


def test_bytes_are_read_as_they_are(system):
    agent = only(system, shell("a", "od -An -tx1", stdin=b"\xff\x00\n"))
    assert agent.stdout.split() == ["ff", "00", "0a"]


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("stdio", "socket", "one of file, pipe, pty"),
        ("on_output_max", "wait", "one of stop, keep-tail"),
        ("output_max", "0", "1 byte to"),
        ("output_max", "much", "a size"),
        ("merge", "yes", "true or false"),
        ("stdin", 3, "a string or bytes"),
    ],
)
def test_wrong_values_are_named(key, value, allowed):
    with pytest.raises(SpecError, match=allowed) as caught:
        AgentSpec("a", ["true"], **{key: value})
    assert caught.value.key == key


def test_a_full_disk_is_the_cause_and_no_success(system, monkeypatch):
    monkeypatch.setattr("actorch.actors._pump.os.splice", _full, raising=False)
    monkeypatch.setattr("actorch.actors._pump.os.write", _full)
    once = RetryPolicy(max_attempts=1)
    agent = only(system, shell("a", "echo hi; exit 0", stdio="pipe", retry=once))
    assert agent.error.kind == "output_lost"
    assert "No space left on device" in agent.error.message


def _full(*_args, **_options):
    raise OSError(28, "No space left on device")
