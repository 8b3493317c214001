"""The specification of an agent: checked whole when it is made, each error says what may stand."""

import math
import os
import pickle
import socket

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actorch.actors import AgentSpec, Backoff, RetryPolicy, SpecError, StopPlan, UsageError
from actorch.actors._checks import ARGUMENT_BYTES
from specs import LONGEST, Broken, TwoLines, deep, label, refused, unless_refused, without

RAW_BYTES = "caf\udce9"
"""A byte that is no UTF-8, as Python spells it in arguments and file names."""


def agent(**fields):
    return AgentSpec(**{"name": "a", "command": ["true"], **fields})


def test_an_agent_needs_a_name_and_a_command_alone():
    spec = AgentSpec("lint", ["ruff", "check", "."])
    assert spec.argv == ("ruff", "check", ".")
    assert (spec.timeout, spec.idle_timeout) == (300.0, None)
    assert (spec.cwd, spec.env, spec.stdin, spec.stdin_file) == (None, {}, None, None)
    assert (spec.success_codes, spec.keep_descendants, spec.shell) == ((0,), False, False)
    assert (spec.stop, spec.retry) == (StopPlan(), RetryPolicy())


def test_two_agents_with_the_same_fields_are_equal():
    assert agent(success_codes=[0], timeout=5) == agent(success_codes=(0,), timeout=5.0)
    assert AgentSpec("a", ["x", "y"]) == AgentSpec("a", ("x", "y"))
    assert agent() != agent(timeout=None)
    assert agent(env={"A": "1"}) != agent(env={"A": "2"})


def test_an_agent_keeps_copies_of_what_it_was_made_from():
    command, env, codes = ["true"], {"A": "1"}, [0]
    spec = AgentSpec("a", command, env=env, success_codes=codes)
    command.append("x")
    env["B"] = "2"
    codes.append(1)
    assert (spec.argv, spec.env, spec.success_codes) == (("true",), {"A": "1"}, (0,))


def test_an_agent_can_be_pickled():
    spec = agent(env={"A": "1"}, retry=RetryPolicy(retry_on="any"))
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_its_repr_is_one_short_line_without_its_environment():
    spec = AgentSpec("a", "x\n" * 1000, shell=True, env={"TOKEN": "hunter2"})
    assert repr(spec).startswith("<AgentSpec a: '/bin/sh -c x")
    assert repr(spec).isprintable()
    assert len(repr(spec)) < 200
    assert "hunter2" not in repr(spec)


def test_its_environment_is_its_own_over_that_of_the_app():
    spec = agent(env={"A": "own", "B": "own"})
    assert spec.environment({"A": "app", "C": "app"}) == {"A": "own", "B": "own", "C": "app"}


# Changed copies


def test_a_changed_copy_is_checked_as_well():
    for change in ({"timeout": -1}, {"command": "ls"}, {"env": {"A": 1}}, {"success_codes": []}):
        with pytest.raises(SpecError):
            msgspec.structs.replace(agent(), **change)


def test_a_changed_copy_keeps_everything_else():
    spec = agent(env={"A": "1"}, stop=StopPlan(()), retry=RetryPolicy(max_attempts=7))
    changed = msgspec.structs.replace(spec, timeout=5)
    assert (changed.timeout, changed.env, changed.stop) == (5.0, {"A": "1"}, StopPlan(()))
    assert changed.retry.max_attempts == 7
    assert spec.timeout == 300.0
    assert msgspec.structs.replace(spec, env={"B": "2"}).env == {"B": "2"}


def test_a_changed_copy_keeps_the_variables_of_the_file(tmp_path):
    (tmp_path / "env").write_text("A=file\nB=file\n")
    spec = agent(env_file=str(tmp_path / "env"), env={"B": "own"})
    assert msgspec.structs.replace(spec, timeout=5).env == {"A": "file", "B": "own"}
    assert msgspec.structs.replace(spec, env={"C": "new"}).env == {
        "A": "file",
        "B": "file",
        "C": "new",
    }


# The name


@pytest.mark.parametrize(
    "name", ["a", "x" * 100, "é" * 100, "with space", "a.1", "..", "-x", "审查"]
)
def test_a_name_is_printable_text(name):
    assert agent(name=name).name == name


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", " a", "a ", "x" * 101, "审" * 67, "a/b", "/", "a\nb", "a\tb", "\x1b[2J", "a\0b"),
        *("\ud800", RAW_BYTES, "a\u202eb", "a\u200bb", "a\x7f", "a\x85", "a\u2028b"),
        *without(str),
    ],
    ids=label,
)
def test_a_name_that_cannot_be_shown_or_be_part_of_a_file_name_is_refused(name):
    text = refused(agent, name=name)
    assert text.startswith("name: ")
    assert "1 to 100 printable characters, at most 200 bytes, without '/'" in text


# The command


def test_a_string_is_run_by_the_shell_if_that_is_asked_for():
    assert agent(command="ls | wc", shell=True).argv == ("/bin/sh", "-c", "ls | wc")


def test_a_string_without_shell_is_refused_with_both_ways_out():
    text = refused(AgentSpec, "a", "ruff check .")
    assert text == (
        "command: 'ruff check .' is not allowed: must be a list of strings such as "
        '["ruff", "check", "."]; a string is for the shell and needs shell = true'
    )


@pytest.mark.parametrize("command", [["ls"], [], None, 3], ids=label)
def test_the_shell_takes_a_string(command):
    text = refused(agent, command=command, shell=True)
    assert text.startswith("command: ")
    assert "must be a string, since shell = true" in text


@pytest.mark.parametrize("command", [[], (), *without(str, list)], ids=label)
def test_a_command_is_a_list_with_something_in_it(command):
    text = refused(agent, command=command)
    assert text.startswith("command: ")
    assert 'must be a list of strings such as ["ruff", "check", "."]' in text


@pytest.mark.parametrize("command", [[""], ["", "x"], [" "], ["\n"]])
def test_the_first_word_is_not_empty(command):
    assert "command[0]: " in refused(agent, command=command)
    assert "not empty: it names what to run" in refused(agent, command=command)


@pytest.mark.parametrize("command", ["", " ", "\n"])
def test_a_line_for_the_shell_is_not_empty(command):
    assert "not empty: it names what to run" in refused(agent, command=command, shell=True)


def test_other_words_may_be_empty():
    assert agent(command=["x", "", "\n"]).argv == ("x", "", "\n")


@pytest.mark.parametrize("word", without(str), ids=label)
@pytest.mark.parametrize("place", [0, 1])
def test_every_word_is_a_string(word, place):
    command = ["x", "y"]
    command[place] = word
    text = refused(agent, command=command)
    assert text.startswith(f"command[{place}]: ")
    assert "must be a string" in text


@pytest.mark.parametrize(
    ("word", "allowed"),
    [
        ("a\0b", "without NUL, which no program can be given"),
        ("a\ud800b", "without lone surrogates"),
        ("\udbff", "without lone surrogates"),
        ("x" * (ARGUMENT_BYTES + 1), f"at most {ARGUMENT_BYTES} bytes, not {ARGUMENT_BYTES + 1}"),
        ("é" * 65_536, f"at most {ARGUMENT_BYTES} bytes, not {ARGUMENT_BYTES + 1}"),
    ],
    ids=label,
)
def test_a_word_that_no_program_can_be_given_is_refused(word, allowed):
    assert allowed in refused(agent, command=["x", word])
    assert allowed in refused(agent, command=[word])
    assert allowed in refused(agent, command=word, shell=True)


def test_a_word_may_be_as_long_as_the_kernel_takes_and_hold_any_other_byte():
    longest = "x" * ARGUMENT_BYTES
    every_byte = bytes(range(1, 256)).decode("utf-8", "surrogateescape")
    assert agent(command=["x", longest, every_byte]).argv == ("x", longest, every_byte)
    assert agent(command=longest, shell=True).argv[2] == longest


@pytest.mark.parametrize("value", without(bool), ids=label)
@pytest.mark.parametrize("key", ["shell", "keep_descendants"])
def test_a_switch_is_true_or_false(key, value):
    text = refused(agent, **{key: value})
    assert text.startswith(f"{key}: ")
    assert "must be true or false" in text


# Directories and files


def test_a_directory_exists(tmp_path):
    assert agent(cwd=str(tmp_path)).cwd == str(tmp_path)
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "missing", tmp_path / "file"):
        text = refused(agent, cwd=str(path))
        assert text.startswith("cwd: ")
        assert f"{path.name}' is not allowed: must be a directory that exists" in text


@pytest.mark.parametrize("value", ["", "a\0b", "\ud800", "x" * 100_000, *without(str)], ids=label)
@pytest.mark.parametrize("key", ["cwd", "env_file", "stdin_file"])
def test_a_path_is_a_string_that_names_something(key, value):
    if value is not None:
        assert refused(agent, **{key: value}).startswith(f"{key}: ")


def test_a_directory_may_have_any_name(tmp_path):
    path = os.path.join(str(tmp_path), RAW_BYTES)
    os.mkdir(path)
    assert agent(cwd=path).cwd == path


def test_variables_of_the_file_come_before_its_own(tmp_path):
    (tmp_path / "env").write_text("A=file\nB=file\n")
    spec = agent(env_file=str(tmp_path / "env"), env={"B": "own"})
    assert spec.env == {"A": "file", "B": "own"}


def test_an_error_in_the_file_names_its_line(tmp_path):
    (tmp_path / "env").write_text("A=1\nB\n")
    assert refused(agent, env_file=str(tmp_path / "env")).startswith("env_file, line 2 of ")


def test_an_error_in_the_environment_names_the_variable_and_hides_its_value():
    text = refused(agent, env={"TOKEN": "hunter2\0"})
    assert text.startswith("env.TOKEN: ")
    assert "hunter2" not in text


def test_standard_input_is_any_text():
    text = "line\n\0\x1b" + RAW_BYTES + "x" * 1_000_000
    assert agent(stdin=text).stdin == text
    assert agent(stdin="").stdin == ""


@pytest.mark.parametrize("value", ["\ud800", *without(str, bytes, type(None))], ids=label)
def test_standard_input_that_cannot_be_written_is_refused(value):
    assert refused(agent, stdin=value).startswith("stdin: ")


def test_standard_input_is_a_text_or_a_file_and_not_both(tmp_path):
    (tmp_path / "in").write_text("")
    text = refused(agent, stdin="x", stdin_file=str(tmp_path / "in"))
    assert text.startswith("stdin_file: ")
    assert "left out where stdin is given" in text
    assert "left out" in refused(agent, stdin="", stdin_file=str(tmp_path / "in"))


def test_a_file_for_standard_input_exists(tmp_path):
    (tmp_path / "in").write_text("")
    assert agent(stdin_file=str(tmp_path / "in")).stdin_file == str(tmp_path / "in")
    text = refused(agent, stdin_file=str(tmp_path / "missing"))
    assert text.startswith("stdin_file: ")
    assert "missing' is not allowed: must be a readable file: No such file or directory" in text


def test_a_device_may_be_standard_input():
    assert agent(stdin_file=os.devnull).stdin_file == os.devnull


def test_what_would_be_waited_for_is_no_standard_input(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket"))
    for name in ("fifo", "socket", "."):
        text = refused(agent, stdin_file=str(tmp_path / name))
        assert "must be a file; this is a directory, a FIFO or a socket" in text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_for_standard_input_may_be_read(tmp_path):
    (tmp_path / "in").write_text("")
    (tmp_path / "in").chmod(0)
    assert "permission denied" in refused(agent, stdin_file=str(tmp_path / "in"))


# Limits


@pytest.mark.parametrize("key", ["timeout", "idle_timeout"])
def test_a_limit_is_a_number_of_seconds_or_none(key):
    assert getattr(agent(**{key: None}), key) is None
    assert getattr(agent(**{key: 5}), key) == 5.0
    assert type(getattr(agent(**{key: 5}), key)) is float


@pytest.mark.parametrize(
    "value",
    [0, 0.0, -1, math.nan, math.inf, -math.inf, 10**400, 10**5000, 1e9, "5m", True, [1], Broken()],
    ids=label,
)
@pytest.mark.parametrize("key", ["timeout", "idle_timeout"])
def test_a_limit_that_is_no_sensible_number_of_seconds_is_refused(key, value):
    text = refused(agent, **{key: value})
    assert text.startswith(f"{key}: ")
    assert "a number of seconds" in text


def test_exit_codes_that_mean_success_are_a_list():
    assert agent(success_codes=[0, 3, 255]).success_codes == (0, 3, 255)


@pytest.mark.parametrize("value", [[], (), 0, True, "0", {0}, None, {0: 1}], ids=label)
def test_there_is_a_list_of_one_success_code_or_more(value):
    text = refused(agent, success_codes=value)
    assert text.startswith("success_codes: ")
    assert "a list of exit codes from 0 to 255" in text


@pytest.mark.parametrize("value", [-1, 256, 10**5000, True, 0.0, "0", None, []], ids=label)
def test_a_success_code_is_a_number_from_0_to_255(value):
    text = refused(agent, success_codes=[0, value])
    assert text.startswith("success_codes[1]: ")
    assert "a whole number from 0 to 255" in text


@pytest.mark.parametrize("value", [None, 3, "TERM", ["TERM", "5s"], {}, RetryPolicy()], ids=label)
def test_stop_is_a_plan(value):
    text = refused(agent, stop=value)
    assert text.startswith("stop: ")
    assert "must be a StopPlan" in text


@pytest.mark.parametrize("value", [None, 3, "any", {"max_attempts": 3}, Backoff()], ids=label)
def test_retry_is_a_policy(value):
    text = refused(agent, retry=value)
    assert text.startswith("retry: ")
    assert "must be a RetryPolicy" in text


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=5,
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(AgentSpec.__struct_fields__), anything))
def test_anything_is_an_agent_or_a_spec_error(fields):
    spec = unless_refused(agent, **fields)
    assert spec is None or spec.argv


# The errors themselves


@pytest.mark.parametrize(
    "value",
    [TwoLines(), Broken(), deep(), 10**5000, "\n" * 10**6, "\U000e0001" * 10**6],
    ids=["two lines", "broken", "deep", "number", "lines", "tags"],
)
def test_an_error_is_one_short_line_whatever_the_value_is(value):
    error = SpecError("key", value, "another")
    assert str(error).startswith("key: ")
    assert str(error).endswith(" is not allowed: must be another")
    assert len(str(error)) < 200
    assert str(error).isprintable()


def test_an_error_is_one_short_line_whatever_key_and_file_are():
    error = SpecError("k\n" * 10**6, 1, "a\n" * 10**6, source="f\x1b\n" * 10**6)
    assert str(error).isprintable()
    assert len(str(error)) <= LONGEST
    assert str(SpecError("\ud800", "\ud800", "x", source="\udcff")).isprintable()


def test_both_ends_of_a_long_value_are_shown():
    text = str(SpecError("cwd", "/begin" + "x" * 1000 + "/end", "another"))
    assert "'/begin" in text
    assert "/end'" in text
    assert "..." in text


def test_an_error_tells_its_parts_and_where_it_was_found():
    error = SpecError("timeout", -1, "more").within("agent.a.").within(source="fleet.toml")
    assert str(error) == "fleet.toml: agent.a.timeout: -1 is not allowed: must be more"
    assert (error.key, error.value, error.allowed) == ("agent.a.timeout", -1, "more")
    assert error.source == "fleet.toml"
    assert isinstance(error, UsageError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
