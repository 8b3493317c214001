"""`actorch run --output`: what is shown of what agents print, and in which order."""

import json
import os
import pty
import re
import sys

import pytest

from processes import CEILING

SLOW = "slow=sh -c 'echo s1; until test -e {0}/gate; do sleep 0.02; done; echo s2; echo s3 >&2'"
FAST = "fast=sh -c 'echo f1; echo f2; touch {0}/gate'"


@pytest.fixture
def shown(actorch, tmp_path):
    """Run both; the second ends first. Returns the lines without their details."""

    def call(*words):
        said = actorch("run", *words, "-a", SLOW.format(tmp_path), "-a", FAST.format(tmp_path))
        assert said.code == 0
        return [re.sub(r" \(.*\)$", "", line) for line in said.err.splitlines()]

    return call


def without(lines, *words):
    return [line for line in lines if not line.endswith(words)]


def test_lines_come_with_a_prefix_as_they_are_printed(shown):
    lines = shown("--output", "prefix")
    assert lines.index("slow │ s1") < lines.index("slow │ s2")
    assert lines.index("fast │ f2") < lines.index("fast ● succeeded")
    assert sorted(without(lines, "running")) == sorted(without(shown(), "running"))


def test_a_group_is_shown_in_one_piece_when_its_agent_has_ended(shown):
    lines = without(shown("--output", "group"), "running")
    fast, slow = ["fast ● succeeded", "f1", "f2"], ["slow ● succeeded", "s1", "s2", "s3"]
    assert lines in (fast + slow, slow + fast)


def test_pieces_can_keep_the_order_of_the_fleet(shown):
    lines = without(shown("--output", "keep-order"), "running")
    assert lines == ["slow ● succeeded", "s1", "s2", "s3", "fast ● succeeded", "f1", "f2"]


def test_none_of_the_output_is_shown_but_the_states_are(shown):
    lines = shown("--output", "none")
    assert sorted(lines) == [
        "fast ● running", "fast ● succeeded", "slow ● running", "slow ● succeeded",
    ]  # fmt: skip


def test_a_piece_holds_every_attempt(actorch):
    said = actorch("run", "--output", "group", "--retries", "1",
                   "-a", "a=sh -c 'echo $ACTORCH_ATTEMPT; exit 75'", "-a", "b=true")  # fmt: skip
    piece = said.err[said.err.index("a ● failed") :].splitlines()[1:5]
    assert piece == ["a ● attempt 1:", "1", "a ● attempt 2:", "2"]


@pytest.mark.parametrize("mode", ["prefix", "group"])
def test_colours_of_agents_are_kept_where_colours_are_on_and_end_with_the_line(actorch, mode):
    agents = ("-a", r"a=printf '\033[32mgreen\n'", "-a", "b=true")
    said = actorch("run", "--color", "always", "--output", mode, *agents)
    assert "\x1b[32mgreen\x1b[0m\n" in said.err
    assert "green\n" in actorch("run", "--output", mode, *agents).err


@pytest.mark.parametrize("mode", ["prefix", "group", "keep-order", "none"])
def test_no_control_sequence_gets_through(process, mode):
    script = r"a=printf '\033]0;title\007x\033[2J\n'"
    one = process("run", "--output", mode, "-a", script, "-a", "b=true")
    _out, err = one.communicate(timeout=CEILING)
    assert b"\x1b" not in err
    assert (b"x\n" in err) is (mode != "none")


def test_a_large_piece_is_whole(process):
    script = "a=sh -c 'head -c 3000000 /dev/zero | tr \"\\0\" x; yes | head -n 500000'"
    one = process("run", "--output", "group", "-a", script, "-a", "b=true")
    _out, err = one.communicate(timeout=CEILING)
    assert b"x" * 3_000_000 + b"y\n" * 500_000 in err


def test_the_document_goes_to_standard_output_and_pieces_do_not(actorch):
    said = actorch("run", "--json", "--output", "group", "-a", "a=echo piece", "-a", "b=true")
    assert json.loads(said.out)["verdict"] == "ok"
    assert "piece\n" in said.err


def test_a_variable_chooses_and_gives_way_where_it_does_not_fit(actorch, monkeypatch):
    monkeypatch.setenv("ACTORCH_RUN_OUTPUT", "none")
    agents = ("-a", "a=echo printed", "-a", "b=true")
    assert "printed" not in actorch("run", *agents).err
    assert "printed" in actorch("run", "--output", "prefix", *agents).err
    monkeypatch.setenv("ACTORCH_RUN_OUTPUT", "group")
    assert actorch("run", "-q", *agents).code == 0
    assert actorch("run", "--events", *agents).code == 0
    assert actorch("run", "--", "echo", "alone").out == "alone\n"


def test_none_goes_with_quiet(actorch):
    assert actorch("run", "-q", "--output", "none", "-a", "a=true", "-a", "b=true").err == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--events", "--output", "prefix", "-a", "a=true"), "--output prefix and --events excl"),
        (("-q", "--output", "group", "-a", "a=true"), "--output group and --quiet exclude each"),
        (("--output", "none", "--", "true"), "--output none is for fleets"),
        (("--output", "all", "-a", "a=true"), "'all' is not one of 'prefix', 'group'"),
    ],
)
def test_what_does_not_go_together_is_told(actorch, state_dir, words, told):
    said = actorch("run", *words)
    assert (said.code, said.out) == (2, "")
    assert told in said.line
    assert not os.path.exists(state_dir)


def test_a_closed_standard_error_does_not_stop_the_run(process):
    one = process(
        "run", "--output", "group", "-a", "a=sh -c 'yes | head -n 100000'", "-a", "b=true"
    )
    one.stderr.close()
    assert one.wait(CEILING) == 0


def test_on_a_terminal_lines_can_be_had_in_place_of_the_table(process):
    ours, theirs = pty.openpty()
    words = ("run", "--output", "prefix", "-a", "a=echo printed", "-a", "b=true")
    one = process(*words, stderr=theirs, env={**os.environ, "TERM": "xterm-256color"})
    os.close(theirs)
    seen = b""
    try:
        while data := os.read(ours, 4096):
            seen += data
    except OSError:  # the other side is closed
        pass
    finally:
        os.close(ours)
    assert one.wait(CEILING) == 0
    assert "a │\x1b[0m printed\r\n".encode() in seen
    assert b"\x1b[?25l" not in seen


FIFOS = """
import os
for number in (1, 2):
    path = os.readlink(f"/proc/self/fd/{number}")
    assert path.startswith(os.environ["ACTORCH_STATE_DIR"])
    os.unlink(path)
    os.mkfifo(path)
raise SystemExit(1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_an_agent_that_puts_a_fifo_in_the_place_of_its_output_hangs_nobody(process, tmp_path):
    script = tmp_path / "fifos.py"
    script.write_text(FIFOS)
    agents = ("-a", f"a={sys.executable} {script}", "-a", "b=true")
    one = process("run", "--output", "group", *agents)
    out, err = one.communicate(timeout=CEILING)
    assert one.returncode == 1
    assert b"failed: 1 of 2" in out
    assert err.count(b"not a regular file") == 2


@pytest.mark.parametrize("merge", ["--merge", "--no-merge"])
def test_a_failure_names_the_files_that_there_are_each_once(actorch, merge):
    said = actorch("run", "--output", "none", merge, "-a", "a=sh -c 'echo words; exit 3'")
    (line,) = [line for line in said.err.splitlines() if "[output: " in line]
    paths = line.strip().removeprefix("[output: ").removesuffix("]").split(" ")
    assert len(paths) == 1
    assert paths[0].endswith("/a.1.out")
    assert os.path.exists(paths[0])
