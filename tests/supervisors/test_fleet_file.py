"""Fleet files: read whole, merged, and refused in one line with file, key, value and the rule."""

import datetime
import json
import math
import os
import re
import tomllib

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actorch.actors import AgentSpec, Backoff, RetryPolicy, SpecError, StopPlan, UsageError
from actorch.supervisors import RunSpec, load_fleet
from specs import checked, label, unless_refused

SECRET = "hunter2"
ONE = '[[agent]]\nname = "a"\ncommand = ["true"]\n'


def toml(value):
    """A value as TOML; tables are written in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return f"{value}"


def toml_file(table):
    return "".join(f"{toml(key)} = {toml(value)}\n" for key, value in table.items())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An own directory, which is also where actorch is started; fleets stand beside it."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "fleets").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "fleets"


@pytest.fixture
def load(folder):
    """Reads a fleet from text, bytes, or tables."""

    def read(content):
        text = toml_file(content) if isinstance(content, dict) else content
        path = folder / "fleet.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_fleet(str(path))

    return read


@pytest.fixture
def refusal(load, folder):
    """Reads a fleet that is wrong; returns what the error says after the name of the file."""

    def read(content):
        with pytest.raises(UsageError) as caught:
            load(content)
        text = checked(caught.value)
        begin = f"{folder}/fleet.toml: "
        assert text.startswith(begin)
        return text.removeprefix(begin)

    return read


def one(**fields):
    """A fleet of one agent with these fields."""
    return {"agent": [{"name": "a", "command": ["true"], **fields}]}


# What a file can say


def test_the_smallest_file_is_one_agent_with_all_defaults(load):
    assert load(ONE) == RunSpec([AgentSpec("a", ["true"])])


def test_a_file_can_say_everything_that_a_specification_can(load, folder):
    (folder / "work").mkdir()
    (folder / "agent.env").write_text("FROM=file\n")
    (folder / "prompt").write_text("")
    spec = load(
        """
        [run]
        name = "gate"
        spec_id = "S-1"
        stage = "review"
        quorum = "1/2"
        max_concurrent = 4
        deadline = "1h30m"
        fail_fast = true
        on_impossible = "continue"

        [[agent]]
        name = "full"
        command = "make check"
        shell = true
        cwd = "work"
        env = { CI = "1" }
        env_file = "agent.env"
        stdin_file = "prompt"
        stdio = "pipe"
        merge = true
        output_max = "100M"
        on_output_max = "keep-tail"
        timeout = "5m"
        idle_timeout = 30
        stop = ["INT", "10s", "TERM", 5, "KILL"]
        success_codes = [0, 3]
        keep_descendants = true
        isolation = "shim"
        memory_max = "1.5G"
        cpu_quota = "150%"
        pids_max = 100
        [agent.retry]
        max_attempts = 5
        retry_on = ["exit", 7]
        [agent.retry.backoff]
        initial = "500ms"
        factor = 3
        cap = "1m"
        jitter = "none"

        [[agent]]
        name = "bare"
        command = ["cat"]
        stdin = "hello"
        timeout = "none"
        stop = "TERM 1s"
        """
    )
    full = AgentSpec(
        "full",
        "make check",
        shell=True,
        cwd=f"{folder}/work",
        env={"FROM": "file", "CI": "1"},
        env_file=f"{folder}/agent.env",
        stdin_file=f"{folder}/prompt",
        stdio="pipe",
        merge=True,
        output_max=100 << 20,
        on_output_max="keep-tail",
        timeout=300,
        idle_timeout=30,
        stop=StopPlan.parse(["INT", 10, "TERM", 5]),
        success_codes=(0, 3),
        keep_descendants=True,
        isolation="shim",
        memory_max=3 << 29,
        cpu_quota=1.5,
        pids_max=100,
        retry=RetryPolicy(5, ("exit", 7), Backoff(0.5, 3, 60, "none")),
    )
    stop = StopPlan.parse("TERM 1s")
    bare = AgentSpec("bare", ["cat"], stdin="hello", timeout=None, stop=stop)
    assert spec == RunSpec(
        [full, bare],
        name="gate",
        spec_id="S-1",
        stage="review",
        quorum="1/2",
        max_concurrent=4,
        deadline=5400,
        fail_fast=True,
        on_impossible="continue",
    )


def test_every_key_of_the_specification_can_stand_in_the_file(refusal):
    known = {
        "run": [field for field in RunSpec.__struct_fields__ if field != "agents"],
        "defaults": [field for field in AgentSpec.__struct_fields__ if field != "name"],
    }
    for table, fields in known.items():
        text = refusal(ONE + f"[{table}]\nzzz = 1\n")
        assert text.endswith(f"known are {', '.join(fields)}")


def test_agents_keep_the_order_of_the_file(load):
    names = [f"n{number}" for number in (3, 1, 2)]
    fleet = load({"agent": [{"name": name, "command": ["true"]} for name in names]})
    assert [agent.name for agent in fleet.agents] == names


def test_a_byte_order_mark_is_skipped(load):
    assert load(b"\xef\xbb\xbf" + ONE.encode()) == load(ONE)


def test_limits_may_be_none(load):
    fleet = load(
        {
            "run": {"deadline": "none"},
            **one(timeout="none", idle_timeout="none"),
        }
    )
    assert fleet.deadline is None
    assert (fleet.agents[0].timeout, fleet.agents[0].idle_timeout) == (None, None)


# Defaults


PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "reference", "fleet-file.md")


def defaults_on_the_page(heading):
    """The defaults of the first table below a heading that can be written in a file."""
    with open(PAGE, encoding="utf-8") as file:
        table = file.read().partition(f"\n## `{heading}`\n")[2].partition("\n## ")[0]
    cells = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    rows = [(row[0].strip("| `"), row[2].strip("`")) for row in cells if len(row) == 4]
    wordless = ("required", "none", "", "where actorch was started")
    return {key: default for key, default in rows if default not in wordless}


def test_the_defaults_on_the_page_are_those_of_the_file(load):
    content = ONE
    for heading in ("[run]", "[[agent]]", "[agent.retry]", "[agent.retry.backoff]"):
        values = defaults_on_the_page(heading)
        assert values
        lines = [f"{key} = {value}" for key, value in values.items()]
        if heading == "[run]":
            content = "\n".join(["[run]", *lines, content])
        elif heading == "[[agent]]":
            content = "\n".join([content, *lines, ""])
        else:
            content = "\n".join([content, heading, *lines, ""])
    assert load(content) == load(ONE)


def test_defaults_hold_for_every_agent_and_its_own_keys_win(load):
    fleet = load(
        """
        [defaults]
        command = ["shared"]
        timeout = "5m"
        idle_timeout = 7
        stop = ["INT", "1s"]
        success_codes = [0, 1]
        keep_descendants = true
        memory_max = 2097152
        cpu_quota = 2
        pids_max = 7
        [[agent]]
        name = "a"
        [[agent]]
        name = "b"
        command = "own"
        shell = true
        timeout = "none"
        stop = ["KILL"]
        success_codes = [2]
        keep_descendants = false
        memory_max = "none"
        cpu_quota = "none"
        pids_max = "none"
        """
    )
    a, b = fleet.agents
    assert a == AgentSpec(
        "a",
        ["shared"],
        timeout=300,
        idle_timeout=7,
        stop=StopPlan.parse("INT 1s"),
        success_codes=(0, 1),
        keep_descendants=True,
        memory_max=2 << 20,
        cpu_quota=2.0,
        pids_max=7,
    )
    assert b == AgentSpec(
        "b",
        "own",
        shell=True,
        timeout=None,
        idle_timeout=7,
        stop=StopPlan(()),
        success_codes=(2,),
        keep_descendants=False,
    )


def test_variables_are_merged_one_by_one(load):
    fleet = load(
        {
            "defaults": {"env": {"A": "default", "B": "default"}},
            "agent": [
                {"name": "a", "command": ["x"], "env": {"B": "own", "C": "own"}},
                {"name": "b", "command": ["x"]},
            ],
        }
    )
    assert fleet.agents[0].env == {"A": "default", "B": "own", "C": "own"}
    assert fleet.agents[1].env == {"A": "default", "B": "default"}


def test_retries_and_their_waits_are_merged_key_by_key(load):
    defaults = {
        "retry": {
            "max_attempts": 9,
            "retry_on": "any",
            "backoff": {"initial": 5, "cap": "1h", "jitter": "none"},
        }
    }
    own = {"retry": {"retry_on": 7, "backoff": {"initial": "1s", "factor": 3}}}
    fleet = load({"defaults": defaults, **one(**own)})
    assert fleet.agents[0].retry == RetryPolicy(9, 7, Backoff(1, 3, 3600, "none"))
    fleet = load({"defaults": defaults, **one(retry={"max_attempts": 2})})
    assert fleet.agents[0].retry == RetryPolicy(2, "any", Backoff(5, 2, 3600, "none"))


def test_an_own_standard_input_takes_the_place_of_the_other_kind(load, folder):
    (folder / "in").write_text("")
    fleet = load({"defaults": {"stdin": "default"}, **one(stdin_file="in")})
    assert (fleet.agents[0].stdin, fleet.agents[0].stdin_file) == (None, f"{folder}/in")
    fleet = load({"defaults": {"stdin_file": "in"}, **one(stdin="own")})
    assert (fleet.agents[0].stdin, fleet.agents[0].stdin_file) == ("own", None)


def test_a_default_may_need_an_agents_own_key(load):
    fleet = load({"defaults": {"command": "ls"}, "agent": [{"name": "a", "shell": True}]})
    assert fleet.agents[0].argv == ("/bin/sh", "-c", "ls")
    fleet = load({"defaults": {"shell": True}, "agent": [{"name": "a", "command": "ls"}]})
    assert fleet.agents[0].argv == ("/bin/sh", "-c", "ls")


def test_a_name_is_no_default(refusal):
    assert refusal('[defaults]\nname = "x"\n' + ONE).startswith("defaults.name: 'x' is not allowed")


@pytest.mark.parametrize(
    ("key", "value", "own"),
    [
        ("timeout", "junk", 5),
        ("cwd", "missing", "."),
        ("env", 3, {}),
        ("env", {"A": 3}, {"A": "own"}),
        ("stop", "TERM", ["KILL"]),
        ("success_codes", [], [0]),
        ("shell", "yes", False),
        ("command", [], ["true"]),
        ("retry", {"max_attempts": 0}, {"max_attempts": 1}),
        ("retry", {"backoff": 3}, {"backoff": {}}),
        ("retry", 3, {}),
    ],
)
def test_a_default_is_checked_even_where_every_agent_has_its_own(refusal, key, value, own):
    assert refusal({"defaults": {key: value}, **one(**{key: own})}).startswith(f"defaults.{key}")


# Paths


def test_paths_are_relative_to_the_directory_of_the_file(load, folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "in").write_text("")
    (folder / "agent.env").write_text("A=1")
    fields = {"cwd": "sub", "stdin_file": "sub/../sub/in", "env_file": "./agent.env"}
    for spec in (load(one(**fields)), load({"defaults": fields, **one()})):
        (agent,) = spec.agents
        assert agent.cwd == f"{folder}/sub"
        assert agent.stdin_file == f"{folder}/sub/in"
        assert agent.env == {"A": "1"}


def test_absolute_paths_stay_and_a_tilde_is_the_home(load, folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert load(one(cwd="/")).agents[0].cwd == "/"
    assert load(one(cwd="~")).agents[0].cwd == str(folder)
    (folder / "in").write_text("")
    assert load(one(stdin_file="~/in")).agents[0].stdin_file == f"{folder}/in"


def test_without_a_directory_an_agent_works_where_actorch_was_started(load):
    assert load(one()).agents[0].cwd is None


def test_a_file_may_be_named_relative_to_the_working_directory(load, folder, monkeypatch):
    load(one(cwd="."))
    assert load_fleet("../fleets/fleet.toml").agents[0].cwd == str(folder)
    monkeypatch.chdir(folder)
    assert load_fleet("fleet.toml").agents[0].cwd == str(folder)


def test_an_error_names_the_file_as_it_was_given(load, folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(SpecError) as caught:
        load(one(timeout=0))
    with pytest.raises(SpecError, match=r"^fleet\.toml: agent\.a\.timeout: 0 is ") as caught:
        load_fleet("fleet.toml")
    assert caught.value.source == "fleet.toml"


@pytest.mark.parametrize("key", ["cwd", "env_file", "stdin_file"])
@pytest.mark.parametrize("value", ["", "a\0b", "~a\0b", 3, True, ["x"]])
def test_a_path_is_a_string_that_names_something(refusal, key, value):
    assert refusal(one(**{key: value})).startswith(f"agent.a.{key}: {value!r} is not allowed")


# Files that are no fleets


def message(path):
    with pytest.raises(UsageError) as caught:
        load_fleet(path)
    assert caught.value.exit_code == 2
    return checked(caught.value)


def test_a_file_that_is_not_there_is_named(folder):
    path = f"{folder}/missing.toml"
    assert message(path) == f"{path}: cannot be read: No such file or directory"


def test_a_directory_is_no_file(folder):
    assert message(str(folder)) == f"{folder}: cannot be read: Is a directory"


@pytest.mark.parametrize(
    "path", ["", "a\0b", "\ud800", "x" * 10_000, "no\nsuch\x1b[2J\nfile"], ids=label
)
def test_a_path_that_cannot_be_one_is_refused_in_one_line(path):
    assert ": cannot be read: " in message(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(load, folder):
    load(ONE)
    (folder / "fleet.toml").chmod(0)
    assert message(f"{folder}/fleet.toml").endswith("cannot be read: Permission denied")


@pytest.mark.parametrize(
    "content",
    ["junk", "[run", "a = ", ONE + ONE[:8], 'x = "\\ud800"', "a.b = 1\na = 2", "[run]\n[run]"],
)
def test_what_is_no_toml_is_told_with_its_place(refusal, content):
    assert re.match(r"not TOML: .+\(at (line \d+, column \d+|end of document)\)", refusal(content))


def test_what_is_no_utf_8_is_told_with_its_place(refusal):
    assert refusal(b'[run]\nname = "\xff"\n') == "not TOML: not UTF-8 at byte 14"


@pytest.mark.parametrize(
    "content",
    [
        "x = " + "9" * 10_000,
        "x = " + "[" * 10_000,
        "x = " + "[" * 300 + "]" * 300,
        "x = " + "{a=" * 5_000,
        ".".join("a" * 2_000) + " = 1",
        "run." + ".".join("a" * 2_000) + " = 1",
        "run.name." + ".".join("a" * 2_000) + " = 1\n" + ONE,
        "defaults.env." + ".".join("a" * 2_000) + " = 1\n" + ONE,
        "x = 0x" + "f" * 10_000,
        '"' + "k" * 100_000 + '" = 1',
        '"k\\n\\u001b[2J\\u202e" = "v\\n"',
    ],
    ids=lambda content: content[:12],
)
def test_monsters_are_refused_in_one_short_line(refusal, content):
    assert refusal(content)


@pytest.mark.parametrize("content", ["", "# nothing\n", "[run]\n", "agent = []", "[defaults]\n"])
def test_a_fleet_without_agents_is_refused(refusal, content):
    assert refusal(content) == (
        "agent: <none> is not allowed: "
        "must be one [[agent]] table or more, with two pairs of brackets"
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f'[agent]\nname = "a"\nenv = {{ TOKEN = "{SECRET}" }}', "agent: <dict, not shown>"),
        ("agent = 3", "agent: 3"),
        ("agent = [3]", "agent[1]: 3"),
        (f'agent = [["{SECRET}"]]', "agent[1]: <list, not shown>"),
        (f'[[defaults]]\nenv = {{ TOKEN = "{SECRET}" }}', "defaults: <list, not shown>"),
        ("defaults = 3\n", "defaults: 3"),
        ("[[run]]", "run: <list, not shown>"),
        ('run = "x"', "run: 'x'"),
    ],
)
def test_a_table_of_the_wrong_kind_is_refused_without_its_contents(refusal, content, found):
    text = refusal(content)
    assert text.startswith(f"{found} is not allowed: must be ")
    assert "[" in text.partition("must be ")[2]
    assert SECRET not in text


# Keys


@pytest.mark.parametrize(
    ("content", "key", "guess"),
    [
        ("[[agents]]\n", "agents", "agent"),
        ("[Run]\n", "Run", "run"),
        ("[default]\n", "default", "defaults"),
        ("[run]\nquorom = 1\n" + ONE, "run.quorom", "quorum"),
        ("[run]\nfail-fast = true\n" + ONE, "run.fail-fast", "fail_fast"),
        ("[defaults]\ntimout = 1\n" + ONE, "defaults.timout", "timeout"),
        (ONE + "TIMEOUT = 1\n", "agent.a.TIMEOUT", "timeout"),
        (ONE + "comand = 1\n", "agent.a.comand", "command"),
        (ONE + "environment = {}\n", "agent.a.environment", "env"),
        (ONE + "[agent.retry]\nattempts = 1\n", "agent.a.retry.attempts", "max_attempts"),
        (ONE + "[agent.retry.backoff]\nmax = 1\n", "agent.a.retry.backoff.max", None),
        (ONE + "[agent.retry.backoff]\njiter = 1\n", "agent.a.retry.backoff.jiter", "jitter"),
        (ONE + '"x\\ny" = 1\n', "agent.a.x\\ny", None),
        ("[[agent]]\nnam = 'x'\n", "agent[1].nam", "name"),
    ],
)
def test_an_unknown_key_is_named_with_a_guess_of_what_was_meant(refusal, content, key, guess):
    text = refusal(content)
    assert text.startswith(f"{key}: ")
    assert "must be left out: there is no such key; " in text
    assert f"did you mean {guess!r}?" in text if guess else "known are " in text


@pytest.mark.parametrize(
    "content",
    [
        f'[env]\nTOKEN = "{SECRET}"\n{ONE}',
        f'{ONE}[agent.environ]\nTOKEN = "{SECRET}"\n',
        f'{ONE}environment = "TOKEN={SECRET}"\n',
        f'{ONE}envs = ["TOKEN={SECRET}"]\n',
        f'{ONE}env = "TOKEN={SECRET}"\n',
        f'{ONE}env = {{ TOKEN = ["{SECRET}"] }}\n',
        f'{ONE}env = {{ TOKEN = "{SECRET}\\u0000" }}\n',
        f'{ONE}env = {{ "TOKEN={SECRET}" = "" }}\n',
        f'[defaults]\nenv = {{ TOKEN = {{ x = "{SECRET}" }} }}\n{ONE}',
        f'{ONE}retry = {{ env = {{ TOKEN = "{SECRET}" }} }}\n',
        f'{ONE}retry = [{{ TOKEN = "{SECRET}" }}]\n',
    ],
)
def test_no_error_shows_the_value_of_a_variable(refusal, content):
    text = refusal(content)
    assert ", not shown> is not allowed" in text
    assert SECRET not in text


@pytest.mark.parametrize("key", ["name", "command"])
def test_a_key_that_must_be_there_is_missed_by_name(refusal, key):
    fleet = one()
    del fleet["agent"][0][key]
    where = "agent[1]" if key == "name" else "agent.a"
    assert refusal(fleet).startswith(f"{where}.{key}: <missing> is not allowed: must be given")


@pytest.mark.parametrize("name", ["", " a", "a/b", "a\nb", "x" * 101, "\x1b[2J", 3, True, ["a"]])
def test_a_bad_name_is_told_by_the_place_of_its_agent(refusal, name):
    fleet = {"agent": [*one()["agent"], {"name": name, "command": ["true"]}]}
    text = refusal(fleet)
    assert re.match(r"agent(\[2\]|\. a|\.a/b)\.name: .+ is not allowed: must be 1 to 100 ", text)


def test_a_name_is_unique_in_the_file(refusal):
    assert refusal({"agent": one()["agent"] * 2}) == (
        "agent[2].name: 'a' is not allowed: must be unique: another agent has this name, too"
    )


def test_a_string_is_no_list_of_words(refusal):
    assert refusal(one(command="ruff check .")) == (
        "agent.a.command: 'ruff check .' is not allowed: must be a list of strings such as "
        '["ruff", "check", "."]; a string is for the shell and needs shell = true'
    )


# Values. Each line: a key, what is wrong, and what the error says may stand there.

DATE = datetime.date(2024, 1, 1)
RUN = [
    *(("name", value, "a string of at most 200") for value in (3, "a\nb", "x" * 201, [], DATE)),
    *(("spec_id", value, "a string of at most 200") for value in (3, "a\0b", {})),
    *(("stage", value, "a string of at most 200") for value in (False, "\x1b", 1.5)),
    *(("quorum", value, "all, majority, any") for value in (0, -1, 1.5, True, [], DATE)),
    *(("quorum", value, "all, majority, any") for value in ("3/2", "0/3", "2/0", "most", "0", "")),
    *(("quorum", value, "at most the number of agents, 1") for value in (2, "2")),
    *(("max_concurrent", value, "a whole number from 1") for value in (0, -1, 1.0, True, "10")),
    *(("deadline", value, "a duration such as") for value in (0, -1, math.nan, math.inf, True)),
    *(("deadline", value, 'or "none"') for value in ("soon", "", "0s", [], "400d", 10**12)),
    *(("fail_fast", value, "true or false") for value in (0, "true", [], DATE)),
    *(("on_impossible", value, '"stop" or "continue"') for value in ("wait", "", True, 1, [])),
]
AGENT = [
    *(("command", value, "a list of strings") for value in ([], {}, 3, True, DATE, "ls", "")),
    *(("command", value, "a string") for value in ([3], ["x", True], [["x"]], [DATE])),
    *(("command", value, "not empty") for value in ([""], [" ", "x"])),
    *(("command", value, "without NUL") for value in (["x\0y"], ["x", "\0"])),
    ("command", ["x", "y" * 131_072], "at most 131071 bytes, not 131072"),
    *(("shell", value, "true or false") for value in (1, "yes", [])),
    *(("cwd", value, "a string") for value in (3, True, [], {}, DATE)),
    *(("cwd", value, "a directory that exists") for value in ("missing", "fleet.toml")),
    *(("env", value, "a table of strings") for value in ("A=1", ["A=1"], 3, True, DATE)),
    *(("env", {"A": value}, "a string") for value in (1, True, 1.5, [], {}, DATE, "a\0b")),
    *(("env", {name: "x"}, "a variable's name") for name in ("", "A=B", "A\0B")),
    ("env", {"A": "x" * 131_070}, "at most 131071 bytes with its name"),
    *(("env_file", value, "a string") for value in (3, [], True)),
    ("env_file", "missing", "a readable file: No such file"),
    ("env_file", ".", "a regular file"),
    ("env_file", "fleet.toml", "NAME=value"),
    *(("stdin", value, "a string") for value in (3, [], True, {})),
    *(("stdin_file", value, "a string") for value in (3, [], True)),
    ("stdin_file", "missing", "a readable file: No such file"),
    ("stdin_file", ".", "a file; this is a directory"),
    *(
        (key, value, 'a duration such as 90, 1.5s, 5m or 1h30m, or "none"')
        for key in ("timeout", "idle_timeout")
        for value in (0, -1, "0", "-5s", math.nan, math.inf, -math.inf, "nan", "inf", 10**400)
    ),
    *(("timeout", value, "a duration such as") for value in (True, [], {}, "", "None", DATE)),
    *(("stop", value, "signals and waits in turn") for value in ([], "", 3, True, {}, "TERM")),
    *(("stop", value, "signals and waits") for value in (["TERM", "KILL"], ["KILL", "5s"])),
    *(("stop", [name, "5s"], "a signal that ends") for name in ("NOPE", "term", "CONT", 15, "")),
    *(("stop", ["TERM", wait], "a duration such as") for wait in ("x", -1, math.nan, True, [])),
    *(("success_codes", value, "a list of exit codes") for value in ([], 0, "0", {}, True)),
    *(("success_codes", [value], "from 0 to 255") for value in (-1, 256, True, "0", 1.0)),
    *(("keep_descendants", value, "true or false") for value in (1, "no", [])),
    *(("isolation", value, "one of auto, session, ") for value in ("vm", "", True, 3, [])),
    *(
        ("memory_max", value, "a size such as")
        for value in (0, -1, 1.5, True, "", "64K", "-1M", [])
    ),
    *(("memory_max", value, 'or "none"') for value in ("inf", 10**400, "9999T", math.nan)),
    *(("stdio", value, "one of file, pipe, pty") for value in ("tty", "", True, 3, [])),
    *(("merge", value, "true or false") for value in (1, "no", [])),
    *(("output_max", value, "a size such as") for value in (0, -1, 1.5, True, "", "-1M", [])),
    *(("output_max", value, 'or "none"') for value in ("inf", 10**400, "9999T", math.nan)),
    *(("on_output_max", value, "one of stop, keep-tail") for value in ("head", "", True, 3, [])),
    *(("cpu_quota", value, "a number of processors") for value in (0, -1, True, "x", "0%", [])),
    *(("cpu_quota", value, "such as 1.5") for value in (math.nan, math.inf, 10**400, "1.5 cores")),
    *(("pids_max", value, "a whole number from 1 to 4194304") for value in (0, 1.5, "3", True, [])),
    *(("retry", value, "a table: [retry]") for value in (3, "any", [], True)),
]
RETRY = [
    *(("max_attempts", value, "a whole number from 1") for value in (0, -1, 1.5, True, "3", [])),
    *(("retry_on", value, "one or more of transient, ") for value in (0, 256, True, "x", "", 1.5)),
    *(("retry_on", value, "or exit codes from 1 to 255") for value in ([], {}, ["x"], [0], [[]])),
    *(("backoff", value, "a table: [retry.backoff]") for value in (3, "1s", [], True)),
]
BACKOFF = [
    *(
        (key, value, "a duration such as")
        for key in ("initial", "cap")
        for value in (-1, "-1s", math.nan, math.inf, True, "soon", "none", [], 10**400)
    ),
    *(("factor", value, "a number from 1") for value in (0.5, 0, -2, math.nan, math.inf, True)),
    *(("factor", value, "a number from 1") for value in ("2", [], 10**400)),
    *(("jitter", value, '"full" or "none"') for value in (True, "half", "", 0.5, [])),
]


def say(text, key, value, allowed):
    """The error names the key, shows the value unless an `env` may be in it, and the rule."""
    pattern = rf"{re.escape(key)}[^ ]*(, line 1 of [^ ]+)?: .+ is not allowed: must be .+"
    assert re.match(pattern, text), text
    assert allowed in text.partition("must be ")[2]
    if ", not shown> is not allowed" in text:
        assert "env" in key or isinstance(value, list)
    elif isinstance(value, str) and len(value) < 50:
        assert value in text or repr(value)[1:-1] in text
    elif isinstance(value, int | float) and abs(value) < 10**50:
        assert f": {value!r} is not allowed" in text


@pytest.mark.parametrize(("key", "value", "allowed"), RUN, ids=label)
def test_a_value_of_the_run_that_is_wrong_is_told(refusal, key, value, allowed):
    say(refusal({"run": {key: value}, **one()}), f"run.{key}", value, allowed)


@pytest.mark.parametrize(("key", "value", "allowed"), AGENT, ids=label)
def test_a_value_of_an_agent_that_is_wrong_is_told(refusal, key, value, allowed):
    say(refusal(one(**{key: value})), f"agent.a.{key}", value, allowed)


@pytest.mark.parametrize(("key", "value", "allowed"), RETRY, ids=label)
def test_a_value_of_the_retries_that_is_wrong_is_told(refusal, key, value, allowed):
    say(refusal(one(retry={key: value})), f"agent.a.retry.{key}", value, allowed)


@pytest.mark.parametrize(("key", "value", "allowed"), BACKOFF, ids=label)
def test_a_value_of_the_waits_that_is_wrong_is_told(refusal, key, value, allowed):
    fleet = one(retry={"backoff": {key: value}})
    say(refusal(fleet), f"agent.a.retry.backoff.{key}", value, allowed)


@pytest.mark.parametrize(
    ("cases", "struct", "besides"),
    [
        (RUN, RunSpec, {"agents"}),
        (AGENT, AgentSpec, {"name"}),
        (RETRY, RetryPolicy, set()),
        (BACKOFF, Backoff, set()),
    ],
    ids=["run", "agent", "retry", "backoff"],
)
def test_every_key_is_tested_with_wrong_values(cases, struct, besides):
    assert {key for key, _value, _allowed in cases} == set(struct.__struct_fields__) - besides


def test_a_list_of_words_is_not_for_the_shell(refusal):
    text = refusal(one(shell=True))
    assert text.startswith("agent.a.command: ['true'] is not allowed: ")
    assert "must be a string, since shell = true" in text


def test_standard_input_is_a_text_or_a_file_and_not_both(refusal, folder):
    (folder / "in").write_text("")
    both = {"stdin": "x", "stdin_file": "in"}
    assert refusal(one(**both)).startswith("agent.a.stdin_file: ")
    assert refusal({"defaults": both, **one()}).startswith("defaults.stdin_file: ")
    assert "must be left out where stdin is given" in refusal(one(**both))


def test_a_bad_line_of_an_env_file_is_told_by_its_number(refusal, folder):
    (folder / "agent.env").write_text(f"# comment\nexport A='1'\nTOKEN {SECRET}\n")
    assert refusal(one(env_file="agent.env")) == (
        f"agent.a.env_file, line 3 of {folder}/agent.env: "
        "<str, not shown> is not allowed: must be NAME=value"
    )


# Anything at all

words = st.sampled_from(
    [
        *("run", "defaults", "agent", "a", "TERM", "5s", "KILL", "2/3", "any", "none", "true"),
        *AgentSpec.__struct_fields__,
        *RunSpec.__struct_fields__,
        *RetryPolicy.__struct_fields__,
        *Backoff.__struct_fields__,
    ]
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
scalars = (
    st.booleans()
    | st.integers()
    | st.floats()
    | words
    | texts
    | st.dates()
    | st.times()
    | st.datetimes()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | texts, inner, max_size=3),
    max_leaves=4,
)


LIMIT = st.sampled_from(["5m", "none", 3, 0.5])
GOOD = {
    "run": {
        "name": st.just("gate"),
        "quorum": st.sampled_from(["all", "any", "2/3", 1]),
        "max_concurrent": st.integers(1, 9),
        "deadline": LIMIT,
        "on_impossible": st.just("continue"),
    },
    "agent": {
        "cwd": st.just("/"),
        "env": st.dictionaries(st.just("A") | texts, texts, max_size=2),
        "stdin": texts,
        "timeout": LIMIT,
        "stop": st.sampled_from(["TERM 5s", ["INT", 1, "KILL"]]),
        "success_codes": st.just([0, 3]),
    },
    "retry": {"max_attempts": st.integers(1, 9), "retry_on": st.sampled_from(["any", 7, ["exit"]])},
    "backoff": {"initial": LIMIT, "factor": st.floats(1, 9), "jitter": st.just("none")},
}
"""Values that are right, but for a few."""


@st.composite
def fleets(draw):
    """A fleet that is right, in which up to three values are then replaced, removed or added."""
    tables = [draw(st.fixed_dictionaries({}, optional=GOOD["run"]))]

    def table(kind, **within):
        tables.append({**draw(st.fixed_dictionaries({}, optional=GOOD[kind])), **within})
        return tables[-1]

    def agent(**fields):
        return table("agent", retry=table("retry", backoff=table("backoff")), **fields)

    agents = [agent(name=name, command=["true"]) for name in draw(st.sampled_from(["a", "ab"]))]
    fleet = {"run": tables[0], "defaults": agent(), "agent": agents}
    tables.append(fleet)
    for _ in range(draw(st.integers(0, 3))):
        changed = draw(st.sampled_from(tables))
        key = draw(st.sampled_from([*changed, draw(words | texts)]))
        if draw(st.booleans()):
            changed[key] = draw(values)
        else:
            changed.pop(key, None)
    return fleet


@given(fleets() | st.dictionaries(words | texts, values))
@example({"run": {"name": {"a": 1}}, "agent": [{"name": "a", "command": ["x"]}]})
def test_any_tables_are_a_run_or_a_usage_error(tmp_path_factory, table):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(toml_file(table), encoding="utf-8", newline="")
    tomllib.loads(toml_file(table))
    spec = unless_refused(load_fleet, str(path))
    assert spec is None or (isinstance(spec, RunSpec) and 1 <= spec.required <= len(spec.agents))


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_a_run_or_a_usage_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    assert unless_refused(load_fleet, str(path)) is None


@given(st.lists(st.sampled_from(ONE.split("\n")) | words | st.sampled_from("=[]{}'\"\n,.# ")))
def test_any_pieces_of_a_fleet_are_a_run_or_a_usage_error(tmp_path_factory, pieces):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text("".join(pieces), encoding="utf-8")
    unless_refused(load_fleet, str(path))


@given(st.lists(texts, min_size=1, unique=True))
def test_a_fleet_can_be_changed_after_it_was_read(tmp_path_factory, names):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    agents = [{"name": name, "command": ["true"]} for name in names]
    path.write_text(toml_file({"agent": agents}), encoding="utf-8", newline="")
    if spec := unless_refused(load_fleet, str(path)):
        changed = msgspec.structs.replace(spec, quorum="any", max_concurrent=1)
        assert (changed.required, changed.agents) == (1, spec.agents)
