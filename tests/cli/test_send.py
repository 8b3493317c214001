"""`actorch send`: what reaches an agent that runs, and what is said where nothing can."""

import glob
import os
import subprocess
import sys

import pytest

from processes import CEILING, wait_until

FLEET = """
[run]
name = "talk"
[[agent]]
name = "a"
command = ["sh", "-c", "{script}"]
stdin = "open"
stdio = "{stdio}"
[[agent]]
name = "--deaf"
command = ["sh", "-c", "until test -e {gate}; do sleep 0.02; done"]
[[agent]]
name = "later"
command = ["cat"]
stdin = "open"
"""


@pytest.fixture
def talking(process, tmp_path):
    """Start a fleet with an agent that can be spoken to; gives it once that agent runs."""

    def start(script, stdio="file"):
        fleet = tmp_path / "fleet.toml"
        fleet.write_text(FLEET.format(script=script, stdio=stdio, gate=tmp_path / "gate"))
        null = subprocess.DEVNULL
        options = ["-j", "2", "--on-impossible", "continue"]
        one = process("run", *options, str(fleet), stdout=null, stderr=null)
        wait_until(lambda: paths("a.1.stdin"), "the pipe")
        return one

    yield start
    (tmp_path / "gate").touch()


def paths(name):
    return glob.glob(os.path.join(os.environ["ACTORCH_STATE_DIR"], "runs", "*", name))


def printed(name="a.1.out"):
    with open(paths(name)[0], "rb") as file:
        return file.read()


@pytest.mark.parametrize("stdio", ["file", "pipe", "pty"])
def test_lines_reach_the_agent_one_after_the_other(actorch, talking, tmp_path, stdio):
    talking("read x; echo got $x; read x; echo got $x; exec cat", stdio)
    assert actorch("send", "last", "a", "one two").code == 0
    wait_until(lambda: b"got one two" in printed(), "the first answer")
    assert actorch("send", "talk", "a", "-n", "half ").code == 0
    assert actorch("send", "talk", "a", "--", "--line").code == 0
    wait_until(lambda: b"got half --line" in printed(), "the second answer")


def test_standard_input_is_passed_on_as_it_is(talking):
    talking("exec cat")
    data = os.urandom(300_000)
    words = [sys.executable, "-m", "actorch.cli", "send", "last", "a"]
    done = subprocess.run(words, input=data, capture_output=True, timeout=CEILING, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    wait_until(lambda: printed() == data, "all of it")


def test_what_two_send_at_once_is_not_mixed(talking):
    talking("exec cat")
    words = [sys.executable, "-m", "actorch.cli", "send", "last", "a"]
    senders = [subprocess.Popen(words, stdin=subprocess.PIPE) for _ in range(2)]
    for letter, sender in zip("xy", senders, strict=True):
        sender.stdin.write(letter.encode() * 200_000)
    for sender in senders:
        sender.stdin.close()
        assert sender.wait(CEILING) == 0
    wait_until(lambda: len(printed()) == 400_000, "all of it")
    assert printed() in (b"x" * 200_000 + b"y" * 200_000, b"y" * 200_000 + b"x" * 200_000)


def test_who_cannot_be_sent_to_is_said_with_the_reason(actorch, talking, tmp_path):
    one = talking("exec cat")
    wait_until(lambda: actorch("send", "last", "--", "--deaf", "x").code == 2, "the start of all")
    for words, code, reason in (
        (("none", "a", "x"), 2, "no run 'none'"),
        (("last", "b", "x"), 2, "has no agent 'b'"),
        (("last", "later", "x"), 1, "does not run yet"),
        (("last", "--", "--deaf", "x"), 2, 'cannot be sent to: give it stdin = "open"'),
    ):
        said = actorch("send", *words)
        assert (said.code, reason in said.line) == (code, True), said
    one.terminate()
    one.wait(CEILING)
    said = actorch("send", "last", "a", "x")
    assert (said.code, "a: has ended; nothing was sent" in said.line) == (1, True)


def test_an_agent_that_has_closed_its_input_is_told(actorch, talking, tmp_path):
    talking(
        f"exec <&-; touch {tmp_path}/closed; until test -e {tmp_path}/gate; do sleep 0.02; done"
    )
    wait_until(lambda: os.path.exists(tmp_path / "closed"), "the end of its input")
    wait_until(lambda: actorch("send", "last", "a", "x").code == 1, "the refusal")


def test_a_pipe_that_a_crash_left_is_not_waited_for(actorch, talking, tmp_path):
    one = talking("exec cat")
    one.kill()
    one.wait(CEILING)

    def refused():
        said = actorch("send", "last", "a", "x")
        return said.code == 1 and "nothing was sent" in said.line

    wait_until(refused, "the end of the agent")
