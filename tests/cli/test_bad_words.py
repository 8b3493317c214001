"""Words that cannot be followed: one line that names key, value and what is allowed; exit 2."""

import subprocess
import sys

import pytest

AGENT = '[[agent]]\nname = "a"\ncommand = ["touch", "ran"]\n'


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[run]\nquorom = 1\n" + AGENT, ["run.quorom", "did you mean 'quorum'"]),
        ("[run]\nmax_concurrent = '3'\n" + AGENT, ["run.max_concurrent", "'3'", "whole number"]),
        ("[run]\nquorum = 0\n" + AGENT, ["run.quorum", "0", "majority"]),
        ("[run]\nquorum = 2\n" + AGENT, ["run.quorum", "2", "at most the number of agents, 1"]),
        ("[run]\nquorum = '3/2'\n" + AGENT, ["run.quorum", "'3/2'", "2/3"]),
        ("[run]\ndeadline = -1\n" + AGENT, ["run.deadline", "-1", "more than 0"]),
        ("[run]\ndeadline = nan\n" + AGENT, ["run.deadline", "nan", "1h30m"]),
        ("[run]\ndeadline = 0\n" + AGENT, ["run.deadline", "0", "more than 0"]),
        ("[run]\ndeadline = '9999d'\n" + AGENT, ["run.deadline", "'9999d'", "366 days"]),
        (AGENT + AGENT, ["agent[2].name", "'a'", "unique"]),
        ('[[agent]]\nname = ""\ncommand = ["true"]\n', [".name", "''", "1 to 100"]),
        ('[[agent]]\nname = "a/b"\ncommand = ["true"]\n', [".name", "'a/b'", "without '/'"]),
        ('[[agent]]\nname = "a\\nb"\ncommand = ["true"]\n', [".name", "a\\nb", "printable"]),
        ('[[agent]]\nname = "a"\ncommand = []\n', ["agent.a.command", "list of strings"]),
        ('[[agent]]\nname = "a"\ncommand = "true"\n', ["agent.a.command", "shell = true"]),
        (AGENT + 'cwd = "no/such"\n', ["agent.a.cwd", "no/such", "a directory that exists"]),
        (AGENT + "timeout = true\n", ["agent.a.timeout", "True", "a duration"]),
        (AGENT + 'timeout = "soon"\n', ["agent.a.timeout", "'soon'", "1h30m"]),
        ("[run]\n", ["agent", "[[agent]]"]),
        ("this is no TOML", ["not TOML"]),
    ],
)
def test_a_wrong_fleet_file_is_refused_with_file_key_value_and_what_is_allowed(
    actorch, fleet, text, words
):
    path = fleet(text)
    said = actorch("run", path)
    assert said.code == 2
    for word in [str(path), *words]:
        assert word in said.line


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a.toml", "b.toml"], ["one file at a time", "'a.toml', 'b.toml'", "after --"]),
        (["missing.toml"], ["missing.toml", "cannot be read", "No such file"]),
        (["."], [".: cannot be read", "directory"]),
        ([], ["nothing to run", "-- COMMAND"]),
        (["--"], ["nothing stands after --"]),
        (["-a", "a=touch ran", "--", "touch", "ran"], ["only one can be run"]),
        (["-a", "touch ran"], ["--agent", "NAME=COMMAND"]),
        (["-a", "a="], ["--agent", "NAME=COMMAND"]),
        (["-a", "a=touch 'ran"], ["--agent a", "quotation"]),
        (["-a", "a/b=touch ran"], ["--agent", "a/b", "without '/'"]),
        (["-a", "a=touch ran", "-a", "a=true"], ["--agent, the name", "'a'", "unique"]),
        (["-j", "0", "--", "touch", "ran"], ["--max-concurrent", "'0'", "from 1"]),
        (["--timeout", "-1", "--", "touch", "ran"], ["--timeout", "'-1'", "none"]),
        (["--timeout", "nan", "--", "touch", "ran"], ["--timeout", "'nan'", "1h30m"]),
        (["--timeout", "0", "--", "touch", "ran"], ["--timeout", "'0'", "more than 0"]),
        (["--timeout", "99999h", "--", "touch", "ran"], ["--timeout", "366 days"]),
        (["--quorum", "0", "--", "touch", "ran"], ["--quorum", "'0'", "majority"]),
        (["--quorum", "2", "--", "touch", "ran"], ["--quorum", "2", "at most the number"]),
        (["--quorum", "3/2", "--", "touch", "ran"], ["--quorum", "'3/2'", "2/3"]),
        (["--retries", "-1", "--", "touch", "ran"], ["--retries", "'-1'", "from 0"]),
        (["--retry-on", "luck", "--", "touch", "ran"], ["--retry-on", "'luck'", "transient"]),
        (["--env", "NAME", "--", "touch", "ran"], ["--env", "NAME=VALUE"]),
        (["--cwd", "no/such", "--", "touch", "ran"], ["--cwd", "no/such", "exists"]),
        (["--json", "--events", "--", "touch", "ran"], ["--json and --events exclude"]),
        (["--log-file", "/no/such/log", "--", "touch", "ran"], ["--log-file", "/no/such/log"]),
        (["--colour", "--", "touch", "ran"], ["--colour", "--color"]),
        (["--on-impossible", "pray", "--", "touch", "ran"], ["pray", "stop", "continue"]),
        (["--", "x" * 131_072], ["at most 131071 bytes", "stdin"]),
        (["--", ""], ["command", "not empty"]),
    ],
)
def test_wrong_options_are_refused_with_option_value_and_what_is_allowed(actorch, words, expected):
    said = actorch("run", *words)
    assert said.code == 2
    for word in expected:
        assert word in said.line
    assert len(said.line) < 600


def test_a_wrong_variable_is_named_as_the_culprit(actorch, monkeypatch):
    monkeypatch.setenv("ACTORCH_RUN_TIMEOUT", "soon")
    assert "ACTORCH_RUN_TIMEOUT: 'soon'" in actorch("run", "--", "touch", "ran").line


@pytest.mark.parametrize("option", ["FAIL_FAST", "COLOR", "VERBOSE", "STDIO", "ON_IMPOSSIBLE"])
def test_a_wrong_variable_of_a_choice_is_named_as_the_culprit(actorch, monkeypatch, option):
    monkeypatch.setenv(f"ACTORCH_RUN_{option}", "wrong")
    said = actorch("run", "--", "touch", "ran")
    assert said.code == 2
    assert f"ACTORCH_RUN_{option}: 'wrong'" in said.line


def test_a_current_directory_that_was_removed_is_said(actorch, tmp_path, monkeypatch):
    place = tmp_path / "gone"
    place.mkdir()
    monkeypatch.chdir(place)
    place.rmdir()
    said = actorch("run", "--state-dir", str(tmp_path / "state"), "--", "true")
    assert (said.code, "the current directory was removed" in said.line) == (2, True)


def test_the_value_of_a_variable_for_agents_is_never_shown(actorch):
    said = actorch("run", "--env", "=secret", "--", "touch", "ran")
    assert said.code == 2
    assert "secret" not in said.line


def test_an_unknown_command_is_refused_and_help_is_named(actorch):
    said = actorch("rnu")
    assert said.code == 2
    assert "rnu" in said.line
    assert "--help" in said.line


def test_without_a_command_the_help_is_shown(actorch):
    said = actorch()
    assert (said.code, said.out) == (2, "")
    assert "Usage: actorch" in said.err


def test_windows_is_told_in_one_line_what_is_needed():
    code = "import sys; sys.platform = 'win32'; import actorch.cli as c; sys.exit(c.main(['run']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "actorch: needs Linux or macOS; on Windows, use WSL\n"


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]])
def test_help_and_version_load_nothing_that_only_a_run_needs(words):
    code = (
        "import sys; from actorch.cli import main; main(sys.argv[1:]); "
        "print(sorted({'rich', 'msgspec', 'sqlite3', 'pykka'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
