"""Environments: every variable reaches the agent as written, and no error shows its value."""

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.actors._checks import ARGUMENT_BYTES
from actorch.actors._environment import agent_environment, check_environment, read_env_file
from specs import label, refused, unless_refused, without

SECRET = "hunter2"


@pytest.fixture
def env_file(tmp_path):
    """Writes an env file and returns its path."""

    def write(content):
        path = tmp_path / "agent.env"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_programs_beside_this_python_are_found_last_of_all():
    found = agent_environment({"PATH": "/first:/second", "HOME": "/h"})
    assert found == {"PATH": f"/first:/second:{os.path.dirname(sys.executable)}", "HOME": "/h"}


def test_a_path_that_has_this_python_is_left_as_it_is():
    base = {"PATH": f"{os.path.dirname(sys.executable)}:/second"}
    assert agent_environment(base) == base


@pytest.mark.parametrize("base", [{}, {"PATH": ""}])
def test_this_python_is_found_without_a_path_as_well(base):
    found = agent_environment(base)["PATH"].split(os.pathsep)
    assert found[-1] == os.path.dirname(sys.executable)
    assert found[:-1] == ([] if base else os.defpath.split(os.pathsep))


def test_the_app_keeps_its_own_environment():
    base = {"PATH": "/first"}
    agent_environment(base)["X"] = "1"
    check_environment("env", base)["X"] = "1"
    assert base == {"PATH": "/first"}


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"A": "", "b.c-d e": "two\nlines", "é": "\udcff"},
        {"BIG": "x" * (ARGUMENT_BYTES - 4)},
    ],
    ids=label,
)
def test_what_a_program_can_be_given_is_kept_as_it_is(table):
    assert check_environment("env", table) == table


@pytest.mark.parametrize(
    "value", [f"A={SECRET}", [f"A={SECRET}"], {1: SECRET}, *without(dict)], ids=label
)
def test_an_environment_is_a_table(value):
    text = refused(check_environment, "env", value)
    assert text.startswith("env: <")
    assert "must be a table of strings" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        (f"{SECRET}\0", "without NUL"),
        (f"{SECRET}\ud800", "without lone surrogates"),
        (SECRET * 30_000, f"at most {ARGUMENT_BYTES} bytes with its name"),
        ("x" * (ARGUMENT_BYTES - 5), f"at most {ARGUMENT_BYTES} bytes with its name"),
        ("é" * (ARGUMENT_BYTES // 2), f"at most {ARGUMENT_BYTES} bytes with its name"),
        ([SECRET], "a string"),
        ({"A": SECRET}, "a string"),
        *((value, "a string") for value in without(str)),
    ],
    ids=label,
)
def test_a_value_that_no_program_can_be_given_is_refused_by_its_name_alone(value, allowed):
    text = refused(check_environment, "agent.a.env", {"FINE": "1", "TOKEN": value})
    assert text.startswith(f"agent.a.env.TOKEN: <{type(value).__name__}, not shown> is not")
    assert allowed in text
    assert SECRET not in text


@pytest.mark.parametrize("name", ["", "\0", "A\0B", "\ud800", "A=B", "=", f"A={SECRET}"], ids=label)
def test_a_name_that_no_program_can_be_given_is_refused(name):
    text = refused(check_environment, "env", {name: SECRET})
    assert text.startswith("env")
    assert "a variable's name" in text
    assert SECRET not in text


def test_the_error_itself_does_not_carry_the_secret():
    with pytest.raises(Exception, match="TOKEN") as caught:
        check_environment("env", {"TOKEN": f"{SECRET}\0"})
    assert SECRET not in repr(caught.value)
    assert SECRET not in repr(caught.value.__context__)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_any_table_is_an_environment_or_a_spec_error(table):
    assert unless_refused(check_environment, "env", table) in (None, table)


@pytest.mark.parametrize(
    ("line", "variables"),
    [
        ("A=1", {"A": "1"}),
        ("A=", {"A": ""}),
        ("A = 1", {"A": "1"}),
        ("  A=1  ", {"A": "1"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("export A=1", {"A": "1"}),
        ("export\tA=1", {"A": "1"}),
        ("exportA=1", {"exportA": "1"}),
        ("export=1", {"export": "1"}),
        ('A="one two"', {"A": "one two"}),
        ("A='one two'", {"A": "one two"}),
        ('A=" 1 "', {"A": " 1 "}),
        ('A="it\'s"', {"A": "it's"}),
        ("A=''", {"A": ""}),
        ("A='", {"A": "'"}),
        ("A='1\"", {"A": "'1\""}),
        ("A=\"'1'\"", {"A": "'1'"}),
        ("A=b=c", {"A": "b=c"}),
        ("A=$HOME `x` \\n", {"A": "$HOME `x` \\n"}),
        ("A=1 # still the value", {"A": "1 # still the value"}),
        ("# B=2\n\n   \n  # C=3\nA=1\n", {"A": "1"}),
        ("A=1\nA=2", {"A": "2"}),
        ("\ufeffA=1", {"A": "1"}),
        (b"A=\xff", {"A": "\udcff"}),
        ("", {}),
        ("\n\n", {}),
    ],
    ids=label,
)
def test_an_env_file_has_lines_with_a_name_and_a_value(env_file, line, variables):
    assert read_env_file("env_file", env_file(line)) == variables


@pytest.mark.parametrize(
    "line",
    [
        *(SECRET, f"A: {SECRET}", f"={SECRET}", f"1A={SECRET}", f"A B={SECRET}", f"A-B={SECRET}"),
        *(f"export {SECRET}", "export", f"unset A {SECRET}", f"é={SECRET}", f"A\x1b[2J {SECRET}"),
    ],
)
def test_a_line_that_is_something_else_is_named_by_its_number_and_not_shown(env_file, line):
    path = env_file(f"# first\nFINE=1\n{line}\nALSO=2\n")
    text = refused(read_env_file, "env_file", path)
    assert text.startswith("env_file, line 3 of ")
    assert "agent.env: <str, not shown>" in text
    assert "must be NAME=value" in text
    assert SECRET not in text


def test_a_value_in_a_file_that_no_program_can_be_given_is_named_by_line_and_variable(env_file):
    text = refused(read_env_file, "env_file", env_file(f"\nTOKEN={SECRET}\0\n"))
    assert text.startswith("env_file, line 2 of ")
    assert ".TOKEN: <str, not shown> is not allowed: must be a string" in text
    assert "without NUL" in text
    assert SECRET not in text
    text = refused(read_env_file, "env_file", env_file(f"TOKEN={SECRET * 20_000}"))
    assert f"at most {ARGUMENT_BYTES} bytes" in text
    assert SECRET not in text


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    text = refused(read_env_file, "env_file", str(tmp_path / "no.env"))
    assert text.startswith("env_file: ")
    assert "no.env' is not allowed: must be a readable file: No such file" in text


def test_a_directory_and_a_fifo_are_no_env_files(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", os.devnull):
        assert "must be a regular file" in refused(read_env_file, "env_file", str(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error(env_file):
    path = env_file("A=1")
    os.chmod(path, 0)
    assert "Permission denied" in refused(read_env_file, "env_file", path)


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)
values = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]))


@given(st.dictionaries(names, values))
def test_what_is_written_in_quotes_is_read_as_it_is(tmp_path_factory, variables):
    path = tmp_path_factory.mktemp("env") / "file"
    lines = [f'export {name}="{value}"\n' for name, value in variables.items()]
    path.write_text("".join(lines), encoding="utf-8", newline="")
    assert read_env_file("env_file", str(path)) == variables


@given(st.binary() | st.lists(st.sampled_from([b"A", b"=", b"\n", b"'", b"#", b" "])).map(b"".join))
def test_any_bytes_are_an_env_file_or_a_spec_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.env"
    path.write_bytes(content)
    found = unless_refused(read_env_file, "env_file", str(path))
    assert found is None or all(name and "\0" not in value for name, value in found.items())
