"""Files are read on from where one left off, whatever their writer does to them."""

import pytest

from actorch.actors import AgentOutput
from actorch.actors._output_limit import give_back
from actorch.cli._log_source import Source
from actorch.cli._tail import LineTails, Tail


@pytest.fixture
def output(tmp_path):
    return AgentOutput("run", "a", 1, str(tmp_path / "a.out"), str(tmp_path / "a.err"))


def write(output, data, mode="ab"):
    with open(output.stdout_path, mode) as file:
        file.write(data)


def shown(tails, output, *, over=False):
    return [line for _error, lines in tails.lines(output, over=over) for line in lines]


def test_each_whole_line_is_shown_once_and_the_unfinished_one_at_the_end(output):
    tails = LineTails()
    write(output, b"one\ntw")
    assert shown(tails, output) == ["one"]
    write(output, b"o\nthree")
    assert shown(tails, output) == ["two"]
    assert shown(tails, output, over=True) == ["three"]


def test_a_file_that_was_begun_anew_is_read_from_its_start(output):
    tails = LineTails()
    write(output, b"a first line, and a long one\nhalf of a seco")
    assert shown(tails, output) == ["a first line, and a long one"]
    write(output, b"anew\n", "wb")
    assert shown(tails, output) == ["anew"]


def test_bytes_of_a_file_that_was_begun_anew_are_read_from_its_start(output):
    tail = Tail(output.stdout_path)
    write(output, b"0123456789")
    assert b"".join(tail.pieces()) == b"0123456789"
    write(output, b"abc", "wb")
    assert b"".join(tail.pieces()) == b"abc"
    assert b"".join(tail.pieces()) == b""


def test_what_is_given_back_while_it_is_being_shown_is_skipped(output):
    head = b"words\n" * 700_000 + b"half a li"
    write(output, head.ljust(5 << 20, b"x") + b"tail\n")
    source = Source(("a", 1), output.stdout_path, "a", False)
    pieces = source.pieces()
    first = next(pieces)
    assert head.startswith(first)
    assert list(source.cutter.feed(first))
    if not give_back(output.stdout_path, 0, 5 << 20):
        pytest.skip("this file system gives nothing back")
    assert list(pieces) == [b"tail\n"]
    assert not source.cutter.pending
