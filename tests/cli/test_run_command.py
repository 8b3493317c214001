"""What a run prints, where, and what it exits with."""

import json
import os
import sqlite3

import pytest

from actorch.cli._exit_codes import EXIT_CODES

TRIO = """
[run]
name = "trio"
quorum = "2/3"

[[agent]]
name = "good"
command = ["sh", "-c", "echo fine"]

[[agent]]
name = "bad"
command = ["sh", "-c", "echo broken >&2; exit 3"]

[[agent]]
name = "also"
command = ["true"]
"""


def test_a_fleet_comes_to_a_verdict_on_standard_output(actorch, fleet):
    said = actorch("run", fleet(TRIO))
    assert said.code == 0
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["agent", "good", "bad", "also"]
    assert "✘ failed" in lines[2]
    assert "exit code 3" in lines[2]
    assert lines[-1].startswith("degraded: 2 of 3 agents succeeded, 2 required, in ")


def test_progress_and_last_words_go_to_standard_error(actorch, fleet):
    said = actorch("run", fleet(TRIO))
    assert "good │ fine\n" in said.err
    assert "bad  ● failed (" in said.err
    assert "bad: exit code 3\n  broken\n" in said.err


def test_quiet_leaves_the_verdict_and_the_reasons(actorch, fleet):
    said = actorch("run", "-q", fleet(TRIO))
    assert "●" not in said.err
    assert "bad: exit code 3" in said.err
    assert "degraded" in said.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["-a", "a=true", "-a", "b=false", "--quorum", "any"], 0),
        (["-a", "a=true", "-a", "b=false"], 1),
        (["-a", "a=sleep 600", "--deadline", "0.2"], 124),
        (["--", "true"], 0),
        (["--", "sh", "-c", "exit 42"], 42),
        (["--", "sh", "-c", "kill -KILL $$"], 137),
        (["--", "no-such-command-anywhere"], 127),
        (["--", "/"], 126),
        (["--timeout", "0.2", "--retries", "0", "--", "sleep", "600"], 124),
    ],
)
def test_the_exit_code_tells_how_it_went(actorch, words, code):
    assert actorch("run", *words).code == code
    assert code in EXIT_CODES or code in (42, 137)


def test_a_lone_commands_bytes_pass_through_untouched(process):
    script = r"printf 'a\0b\377\033[31m'; printf 'c\200' >&2; exit 5"
    one = process("run", "--", "sh", "-c", script)
    out, err = one.communicate(timeout=30)
    assert (one.returncode, out, err) == (5, b"a\0b\xff\x1b[31m", b"c\x80")


@pytest.mark.parametrize("words", [["--merge"], ["--stdio", "pty"]])
def test_what_a_lone_command_prints_into_one_file_goes_to_one_place(process, words):
    numbers = "".join(f"{number}\n" for number in range(1, 1_000_001)).encode()
    one = process("run", *words, "--", "seq", "1000000")
    out, err = one.communicate(timeout=30)
    assert (out.replace(b"\r\n", b"\n") == numbers, err) == (True, b"")


def test_a_lone_command_that_cannot_start_is_explained(actorch):
    said = actorch("run", "--", "no-such-command-anywhere")
    assert said.line == "no-such-command-anywhere: command not found: no-such-command-anywhere"


def test_a_retry_of_a_lone_command_is_told(actorch, tmp_path):
    script = f"test -e {tmp_path}/seen && exit 0; touch {tmp_path}/seen; exit 75"
    said = actorch("run", "--", "sh", "-c", script)
    assert said.code == 0
    assert "exit code 75; trying again in" in said.line


def test_options_beat_variables_and_variables_beat_the_file(actorch, fleet, monkeypatch):
    path = fleet(
        '[run]\nstage = "file"\n'
        '[[agent]]\nname = "a"\ncommand = "echo stage $STAGE"\nshell = true\n'
    )
    assert "stage file" in actorch("run", path).err
    monkeypatch.setenv("ACTORCH_RUN_STAGE", "variable")
    assert "stage variable" in actorch("run", path).err
    assert "stage flag" in actorch("run", "--stage", "flag", path).err


def test_options_reach_every_agent(actorch, fleet):
    path = fleet(TRIO)
    plan = json.loads(
        actorch("run", "--dry-run", "--json", "--timeout", "1h30m", "--retries", "4", path).out
    )
    assert {agent["timeout"] for agent in plan["agents"]} == {5400.0}
    assert {agent["max_attempts"] for agent in plan["agents"]} == {5}
    said = actorch("run", "--env", "X=y z", "-a", "a=sh -c 'echo [$X]'", "-a", "b=true")
    assert "[y z]" in said.err


def test_inline_agents_work_where_they_are_told(actorch, tmp_path):
    said = actorch("run", "--cwd", tmp_path, "-a", "a=pwd", "-a", "b=true")
    assert f"a │ {os.path.realpath(tmp_path)}" in said.err


def test_a_dry_run_resolves_every_command_and_starts_nothing(actorch, fleet, tmp_path):
    path = fleet(
        '[[agent]]\nname = "a"\ncommand = ["touch", "ran here"]\n'
        '[[agent]]\nname = "b"\ncommand = ["no-such-command"]\n'
    )
    said = actorch("run", "--dry-run", path, "--state-dir", tmp_path / "state")
    assert said.code == 1
    assert "/touch 'ran here'" in said.out
    assert "NOT FOUND: no-such-command" in said.out
    assert "2 agents, 2 at once, 2 must succeed" in said.out
    assert not (tmp_path / "ran here").exists()
    assert not (tmp_path / "state").exists()


def test_the_json_document_has_everything_about_the_run(actorch, fleet):
    said = actorch("run", "--json", fleet(TRIO))
    document = json.loads(said.out)
    assert document["verdict"] == "degraded"
    assert document["name"] == "trio"
    assert document["quorum"] == {"text": "2/3", "required": 2, "succeeded": 2, "total": 3}
    assert document["started"].endswith("Z")
    assert document["duration"] > 0
    bad = next(agent for agent in document["agents"] if agent["name"] == "bad")
    assert (bad["state"], bad["exit_code"], bad["signal"]) == ("failed", 3, None)
    assert bad["error"] == {"class": "non_zero_exit", "message": "exit code 3"}
    assert len(bad["attempts"]) == 1
    with open(bad["stderr_path"]) as file:
        assert file.read() == "broken\n"


def test_exit_code_and_signal_are_two_fields(actorch):
    document = json.loads(actorch("run", "--json", "-a", "a=sh -c 'kill -TERM $$'").out)
    agent = document["agents"][0]
    assert (agent["exit_code"], agent["signal"]) == (None, 15)
    assert agent["error"]["class"] == "signal"


def test_events_are_one_object_a_line_in_the_order_in_which_things_happened(actorch):
    said = actorch("run", "--events", "-a", "a=echo hi")
    events = [json.loads(line) for line in said.out.splitlines()]
    names = [event["event"] for event in events]
    assert (names[0], names[-1]) == ("run_started", "run_finished")
    states = [event["state"] for event in events if event["event"] == "agent_changed"]
    assert states == ["queued", "starting", "running", "succeeded"]
    assert "agent_output" in names
    assert events[-1]["verdict"] == "ok"
    times = [event["time"] for event in events]
    assert times == sorted(times)


def test_control_sequences_of_agents_reach_no_terminal(actorch):
    script = r"printf '\033]52;c;aGk=\007\033[2Jwords\r\n'"
    said = actorch("run", "-a", f'a=sh -c "{script}"')
    assert "a │ words\n" in said.err
    assert "\x1b" not in said.err + said.out


def test_an_agent_that_prints_faster_than_anybody_reads_is_abridged_on_screen_only(
    actorch, tmp_path
):
    script = "head -c 60000000 /dev/zero | tr '\\\\0' x; echo; echo the end"
    said = actorch("run", "--state-dir", tmp_path, "-a", f'flood=sh -c "{script}"')
    assert said.code == 0
    assert "MB not shown here; all of it is in " in said.err
    assert len(said.err) < 20_000_000
    assert "flood │ the end\n" in said.err
    (path,) = tmp_path.glob("runs/*/flood.1.out")
    assert path.stat().st_size == 60_000_000 + len("\nthe end\n")


def test_colours_come_where_they_are_wanted_and_nowhere_else(actorch, monkeypatch):
    assert "\x1b[" in actorch("run", "--color", "always", "-a", "a=true", "-a", "b=true").out
    assert "\x1b[" not in actorch("run", "-a", "a=true", "-a", "b=true").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in actorch("run", "-a", "a=true", "-a", "b=true").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in actorch("run", "-a", "a=true", "-a", "b=true").out


def test_the_log_file_has_run_agent_attempt_and_pid_on_every_record(actorch, tmp_path):
    log = tmp_path / "log"
    actorch("run", "--log-file", log, "--log-format", "json", "-a", "a=false")
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert all({"run", "agent", "attempt", "pid", "message"} <= record.keys() for record in records)
    ended = next(record for record in records if record["agent"] == "a")
    assert (ended["attempt"], ended["message"]) == (1, "a attempt 1: exit code 1")
    assert ended["pid"]


def test_the_log_file_is_text_unless_told_otherwise(actorch, tmp_path):
    log = tmp_path / "log"
    actorch("run", "--log-file", log, "-a", "a=false")
    assert " agent=a attempt=1 pid=" in log.read_text()


def test_verbose_logs_to_standard_error(actorch):
    assert "INFO    actorch.run [run=" in actorch("run", "-v", "-a", "a=true").err


def test_the_history_is_kept_where_it_is_told(actorch, tmp_path):
    actorch("run", "--state-dir", tmp_path / "here", "--name", "n", "-a", "a=true")
    history = sqlite3.connect(tmp_path / "here" / "history.db")
    rows = history.execute("SELECT name, state FROM runs").fetchall()
    history.close()
    assert rows == [("n", "ok")]


def test_a_history_that_cannot_be_written_is_told_and_changes_no_verdict(actorch, tmp_path):
    (tmp_path / "history.db").mkdir()
    said = actorch("run", "--state-dir", tmp_path, "-a", "a=true", "-a", "b=true")
    assert said.code == 0
    assert "history is not being recorded" in said.err
    assert said.out.splitlines()[-1].startswith("ok: 2 of 2")


def test_a_stage_of_the_users_own_reaches_agents_unless_the_run_has_one(actorch, monkeypatch):
    monkeypatch.setenv("STAGE", "prod")
    words = ["-a", "a=sh -c 'echo [$STAGE]'", "-a", "b=true"]
    assert "[prod]" in actorch("run", *words).err
    assert "[plan]" in actorch("run", "--stage", "plan", *words).err


def test_a_state_directory_that_cannot_be_used_is_said(actorch, tmp_path):
    (tmp_path / "file").write_text("")
    said = actorch("run", "--state-dir", tmp_path / "file", "-a", "a=true")
    assert said.code == 0
    assert f"not kept where they should be: {tmp_path}/file: " in said.err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_encoding_without_our_signs_costs_no_verdict(process, encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    one = process("run", "-q", "-a", "a=true", env=environment)
    out, err = one.communicate(timeout=30)
    assert (one.returncode, err) == (0, b"")
    assert b"? succeeded" in out
