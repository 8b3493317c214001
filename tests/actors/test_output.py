"""The files of an attempt: private, new, and read from their end."""

import os

import pytest

from actorch.actors._output import (
    file_size,
    last_line,
    newest,
    output_paths,
    read_text,
    tail_lines,
)


@pytest.fixture
def paths(tmp_path):
    return output_paths(str(tmp_path), "lint", 2)


def fill(path, data):
    with open(path, "wb") as file:
        file.write(data)


def test_files_are_named_after_agent_and_attempt(paths, tmp_path):
    assert paths.stdout == f"{tmp_path}/lint.2.out"
    assert paths.stderr == f"{tmp_path}/lint.2.err"


def test_merged_streams_have_one_file(tmp_path):
    paths = output_paths(str(tmp_path), "lint", 1, merged=True)
    assert paths.stdout == paths.stderr == f"{tmp_path}/lint.1.out"
    assert paths.each == (paths.stdout,)


def test_text_is_decoded_with_replacement_and_missing_files_are_empty(paths):
    fill(paths.stdout, b"ok \xff\xfe end")
    assert read_text(paths.stdout) == "ok \ufffd\ufffd end"
    assert read_text(paths.stderr) == ""
    assert read_text(None) == ""


def test_the_last_line_is_the_last_one_with_anything_in_it(paths):
    fill(paths.stdout, b"first\nsecond\n   \n\n")
    assert last_line(paths.stdout) == "second"
    fill(paths.stdout, b"no newline at the end")
    assert last_line(paths.stdout) == "no newline at the end"
    assert last_line(paths.stderr) == ""


def test_the_last_line_of_a_huge_file_is_read_from_its_end(paths):
    with open(paths.stdout, "wb") as file:
        file.truncate(1 << 33)
        file.seek(0, os.SEEK_END)
        file.write(b"\nthe end\n")
    assert last_line(paths.stdout) == "the end"
    assert tail_lines(paths.stdout, 1) == ["the end"]


def test_the_tail_is_the_last_lines_and_never_more_than_asked_for(paths):
    fill(paths.stdout, b"".join(b"line %d\n" % i for i in range(1000)))
    assert tail_lines(paths.stdout, 2) == ["line 998", "line 999"]
    assert tail_lines(paths.stdout, 0) == []
    assert tail_lines(paths.stderr, 5) == []


def test_sizes_and_times_tell_of_activity(paths):
    assert file_size(paths.stdout) == 0
    assert newest(paths.each) is None
    fill(paths.stdout, b"x")
    os.utime(paths.stdout, (1000, 1000))
    fill(paths.stderr, b"")
    assert file_size(paths.stdout) == 1
    assert newest(paths.each) == (1000, paths.stdout)
