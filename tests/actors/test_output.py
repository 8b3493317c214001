"""The files of an attempt: private, new, and read from their end."""

import os
import stat

import pytest

from actorch.actors._output import (
    file_size,
    last_line,
    last_write,
    open_attempt,
    output_paths,
    read_text,
    tail_lines,
    write_stdin,
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


def test_output_files_are_private_and_opened_for_appending(paths):
    with open_attempt(paths, None) as files:
        os.write(files.stdout, b"one")
        os.lseek(files.stdout, 0, os.SEEK_SET)
        os.write(files.stdout, b"two")
        assert stat.S_IMODE(os.fstat(files.stderr).st_mode) == 0o600
    assert read_text(paths.stdout) == "onetwo"


def test_a_planted_symbolic_link_is_not_followed(paths, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.symlink(victim, paths.stderr)
    with pytest.raises(FileExistsError), open_attempt(paths, None):
        pass
    assert victim.read_text() == "precious"


def test_no_descriptor_stays_open_when_a_file_cannot_be_made(tmp_path):
    before = set(os.listdir("/dev/fd"))
    with (
        pytest.raises(OSError, match="missing"),
        open_attempt(output_paths(f"{tmp_path}/missing", "a", 1), None),
    ):
        pass
    assert set(os.listdir("/dev/fd")) == before


def test_without_an_input_file_none_is_opened(paths):
    with open_attempt(paths, None) as files:
        assert files.stdin is None


def test_a_prompt_is_a_private_file_with_an_end(paths, tmp_path):
    prompt = f"{tmp_path}/lint.in"
    write_stdin(prompt, f"{prompt}.1", b"do it")
    assert stat.S_IMODE(os.stat(prompt).st_mode) == 0o600
    with open_attempt(paths, prompt) as files:
        assert os.read(files.stdin, 10) == b"do it"
        assert os.read(files.stdin, 10) == b""


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
    assert last_write(paths) is None
    fill(paths.stdout, b"x")
    os.utime(paths.stdout, (1000, 1000))
    fill(paths.stderr, b"")
    assert file_size(paths.stdout) == 1
    assert last_write(paths) == 1000
