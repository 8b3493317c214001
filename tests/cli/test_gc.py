"""`actorch gc` and `actorch doctor`: what they say, and what they exit with."""

import json
import os
import subprocess
import sys

import pytest

from crashes import crash, tree
from history import record, run
from processes import kill_all_at, nobody_at, running_at


@pytest.fixture
def place(place):
    """What is still there at the end is killed."""
    yield place
    kill_all_at(place)


def test_with_nothing_to_collect_it_says_so(actorch, state_dir):
    assert actorch("gc") == (0, f"nothing to collect in {state_dir}\n", "")


def test_runs_that_cannot_be_judged_are_named(actorch, state_dir):
    record(state_dir, run("r-1", "running", pid_namespace=1, owner_pid=2**22))
    said = actorch("gc", "-y")
    assert said.out.startswith("nothing to collect")
    assert "another pid namespace" in said.out
    assert said.out.endswith("  r-1\n")
    assert actorch("gc", "-y").code == 0
    assert json.loads(actorch("gc", "--json").out)["processes"] == []


def test_it_lists_first_and_ends_with_y(actorch, state_dir, place):
    (pid,) = crash(state_dir, place, 1, tree("agent", place, "stays.py"))
    said = actorch("run", "--", "true")
    assert said.line == (
        "1 process is left of 1 run that crashed; "
        "actorch gc lists what there is, actorch gc -y ends it"
    )
    assert actorch("run", "-q", "-a", "a=true").line == said.line
    listed = actorch("gc")
    assert (listed.code, listed.err) == (0, "")
    (line,) = [line for line in listed.out.splitlines() if line.strip().startswith(str(pid))]
    assert "agent, attempt 1  brand" in line
    assert listed.out.endswith("nothing was done; actorch gc -y ends and deletes all of this\n")
    assert running_at(place) == [pid]
    ended = actorch("gc", "-y")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("0 runs deleted, 1 process ended\n")
    assert nobody_at(place)
    assert actorch("gc").out.startswith("nothing to collect")
    assert actorch("run", "--", "true") == (0, "", "")


@pytest.mark.slow
def test_json_is_one_document_with_everything(actorch, state_dir, place):
    (pid,) = crash(state_dir, place, 1, tree("agent", place, "stays.py"))
    record(state_dir, run("old", "ok", finished=1.0, directory=""))
    document = json.loads(actorch("gc", "--json", "-y").out)
    (one,) = document["processes"]
    assert (one["pid"], one["agent"], one["attempt"], one["told_by"]) == (pid, "agent", 1, "brand")
    assert (document["collected"], document["killed"], document["survivors"]) == (True, 1, [])
    assert document["interrupted"] == [one["run"]]
    (old,) = document["runs"]
    assert (old["run"], old["state"], old["ended"]) == ("old", "ok", "1970-01-01T00:00:01.000Z")


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (("--older-than", "soon"), "--older-than: 'soon' is not allowed: must be a duration"),
        (("--older-than", "-1"), "--older-than: '-1' is not allowed: must be a duration"),
        (("--max-size", "big"), "--max-size: 'big' is not allowed: must be a size such as"),
        (("-y", "--max-size", "0"), "--max-size: '0' is not allowed: must be a size such as"),
        (("what",), "unexpected extra argument"),
    ],
)
def test_words_that_are_wrong_collect_nothing(actorch, state_dir, words, allowed):
    record(state_dir, run("old", "ok", finished=1.0))
    said = actorch("gc", *words)
    assert (said.code, said.out) == (2, "")
    assert allowed.lower() in said.line.lower()
    assert json.loads(actorch("gc", "--json").out)["runs"] != []


def test_none_keeps_old_runs(actorch, state_dir):
    record(state_dir, run("old", "ok", finished=1.0))
    assert actorch("gc", "-y", "--older-than", "none").out.startswith("nothing to collect")
    assert "1 run deleted" in actorch("gc", "-y").out


def test_a_history_that_is_none_is_told_and_exits_with_125(actorch, state_dir):
    os.makedirs(state_dir)
    with open(f"{state_dir}/history.db", "wb") as file:
        file.write(b"no database\n" * 100)
    said = actorch("gc", "-y")
    assert (said.code, said.out) == (125, "")
    assert "history.db: file is not a database" in said.line


# doctor


def test_doctor_tells_what_there_is_and_why_there_is_no_more(actorch, monkeypatch):
    monkeypatch.setenv("ACTORCH_CGROUP", "/no/such")
    said = actorch("doctor")
    assert (said.code, said.err) == (0, "")
    lines = {line.split()[1]: line for line in said.out.splitlines() if line.startswith("  ")}
    assert "an agent ran, and what it left is gone" in lines["self-test"]
    if sys.platform == "linux":
        assert lines["auto"].endswith("is shim")
        assert "ACTORCH_CGROUP: /no/such is no directory of a cgroup" in lines["cgroup"]
    assert list(lines) == [
        "system", "descriptors", "self-test", "auto", "session", "shim", "cgroup", "pidns",
        "memory_max", "cpu_quota", "pids_max", "directory", "leftovers",
    ]  # fmt: skip


def test_doctor_leaves_the_state_directory_as_it_is(actorch, state_dir):
    assert actorch("doctor").code == 0
    assert not os.path.exists(state_dir)


def test_doctor_exits_with_1_where_something_is_wrong(actorch, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "history.db").write_bytes(b"no database\n" * 100)
    said = actorch("doctor", "--json", "--state-dir", state)
    document = json.loads(said.out)
    assert (said.code, document["ok"]) == (1, False)
    (wrong,) = [check for check in document["checks"] if check["status"] == "wrong"]
    assert (wrong["name"], wrong["topic"]) == ("history", "state")


def test_doctor_tells_of_too_few_descriptors():
    command = [sys.executable, "-m", "actorch.cli", "doctor"]
    limited = ["sh", "-c", 'ulimit -n 30; exec "$@"', "sh", *command]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "✘ descriptors" in done.stdout


# What is asked of `run`


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--memory-max", "1Q"), "--memory-max: '1Q' is not allowed: must be a size"),
        (("--cpu-quota", "many"), "--cpu-quota: 'many' is not allowed: must be a number of proc"),
        (("--pids-max", "x"), "--pids-max: 'x' is not allowed: must be a whole number from 1"),
        (("--pids-max", "0"), "--pids-max: 0 is not allowed: must be a whole number from 1"),
        (("--isolation", "vm"), "'vm' is not one of"),
    ],
)
def test_an_isolation_or_a_limit_that_is_wrong_is_told_by_its_option(actorch, words, told):
    said = actorch("run", *words, "--", "true")
    assert (said.code, said.out) == (2, "")
    assert told in said.line


def test_the_choices_are_those_of_the_specification():
    from actorch.actors._spec import ISOLATIONS
    from actorch.cli._run_command import run as command

    (option,) = [one for one in command.params if one.name == "isolation"]
    assert tuple(option.type.choices) == ISOLATIONS


@pytest.mark.skipif(sys.platform != "linux", reason="cgroups are Linux's")
@pytest.mark.parametrize("words", [("--isolation", "cgroup"), ("--pids-max", "9")])
def test_what_the_machine_does_not_have_exits_with_2(actorch, monkeypatch, words, state_dir):
    monkeypatch.setenv("ACTORCH_CGROUP", "/no/such")
    said = actorch("run", *words, "--", "true")
    assert (said.code, said.out) == (2, "")
    assert "ACTORCH_CGROUP: /no/such is no directory of a cgroup v2" in said.line


def test_none_takes_a_limit_of_the_file_back(actorch, fleet):
    path = fleet(
        """
        [[agent]]
        name = "a"
        command = ["true"]
        memory_max = 2097152
        pids_max = 9
        cpu_quota = 1
        """
    )
    words = ("--memory-max", "none", "--pids-max", "none", "--cpu-quota", "none")
    assert actorch("run", "-q", *words, path).code == 0
