"""Where an attempt's standard streams lead: files, pipes, terminals, and an input that is open."""

import os
import stat
import threading
import tracemalloc

import pytest

from actorch.actors import Dispatcher
from actorch.actors._input import OpenInput, Outbox
from actorch.actors._output import output_paths, read_text
from actorch.actors._piped_stdio import PipeStdio, PtyStdio
from actorch.actors._stdio import FileStdio, write_stdin
from fleets import CEILING


@pytest.fixture
def paths(tmp_path):
    return output_paths(str(tmp_path), "lint", 2)


@pytest.fixture
def loop():
    with Dispatcher("stdio") as dispatcher:
        yield Loop(dispatcher)


class Loop:
    """Does things on the thread of a dispatcher, and waits for them."""

    def __init__(self, dispatcher):
        self.dispatcher = dispatcher

    def do(self, function, *args):
        """What it returns, or raises."""
        found, done = [], threading.Event()

        def call():
            try:
                found.append((function(*args), None))
            except Exception as error:
                found.append((None, error))
            done.set()

        self.dispatcher.call_soon(call)
        assert done.wait(CEILING)
        value, error = found[0]
        if error is not None:
            raise error
        return value

    def finish(self, stdio):
        """Until everything is in its file."""
        done = threading.Event()
        if not self.do(stdio.finish, done.set):
            assert done.wait(CEILING)


def streams(loop, stdio, stdin=None):
    """Copies of what a process would start with."""

    def take():
        with stdio.open(stdin) as files:
            return os.dup(files.stdout), os.dup(files.stderr)

    return loop.do(take)


def write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data) :]


def write_for_ever(descriptor):
    while True:
        os.write(descriptor, b"more\n")


def test_output_files_are_private_and_opened_for_appending(paths):
    with FileStdio(paths).open(None) as files:
        os.write(files.stdout, b"one")
        os.lseek(files.stdout, 0, os.SEEK_SET)
        os.write(files.stdout, b"two")
        assert stat.S_IMODE(os.fstat(files.stderr).st_mode) == 0o600
    assert read_text(paths.stdout) == "onetwo"


@pytest.mark.parametrize("kind", [FileStdio, PipeStdio])
def test_a_planted_symbolic_link_is_not_followed(paths, tmp_path, loop, kind):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.symlink(victim, paths.stderr)
    before = set(os.listdir("/dev/fd"))
    stdio = kind(paths) if kind is FileStdio else kind(loop.dispatcher, paths, print)
    with pytest.raises(FileExistsError):
        streams(loop, stdio)
    assert victim.read_text() == "precious"
    assert set(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("kind", [FileStdio, PipeStdio])
def test_no_descriptor_stays_open_when_a_file_cannot_be_made(tmp_path, loop, kind):
    before = set(os.listdir("/dev/fd"))
    paths = output_paths(f"{tmp_path}/missing", "a", 1)
    stdio = kind(paths) if kind is FileStdio else kind(loop.dispatcher, paths, print)
    with pytest.raises(OSError, match="missing"):
        streams(loop, stdio)
    assert set(os.listdir("/dev/fd")) == before


def test_no_terminal_stays_open_when_there_are_no_descriptors_left(loop, tmp_path, monkeypatch):
    paths = output_paths(str(tmp_path), "lint", 2, merged=True)
    stdio = PtyStdio(loop.dispatcher, paths, print, {}, spoken_to=True)
    before = set(os.listdir("/dev/fd"))
    with monkeypatch.context() as patched:
        patched.setattr("actorch.actors._piped_stdio.os.dup", too_many)
        with pytest.raises(OSError, match="Too many open files"):
            streams(loop, stdio)
    assert set(os.listdir("/dev/fd")) == before


def too_many(*_args):
    raise OSError(24, "Too many open files")


def test_a_prompt_is_a_private_file_with_an_end(tmp_path):
    prompt = f"{tmp_path}/lint.in"
    write_stdin(prompt, f"{prompt}.1", b"do it")
    assert stat.S_IMODE(os.stat(prompt).st_mode) == 0o600
    with open(prompt, "rb") as file:
        assert file.read() == b"do it"


def test_pipes_lead_to_the_same_files_byte_for_byte(loop, paths):
    stdio = PipeStdio(loop.dispatcher, paths, print)
    out, err = streams(loop, stdio)
    data = os.urandom(5_000_000)
    write_all(out, data)
    write_all(err, b"no newline at the end")
    os.close(out)
    os.close(err)
    loop.finish(stdio)
    with open(paths.stdout, "rb") as file:
        assert file.read() == data
    assert read_text(paths.stderr) == "no newline at the end"
    assert stat.S_IMODE(os.stat(paths.stdout).st_mode) == 0o600


def test_where_nothing_can_be_spliced_bytes_are_copied(loop, paths, monkeypatch):
    monkeypatch.delattr(os, "splice", raising=False)
    stdio = PipeStdio(loop.dispatcher, paths, print)
    out, err = streams(loop, stdio)
    write_all(out, b"x" * 3_000_000)
    os.close(out)
    os.close(err)
    loop.finish(stdio)
    assert os.stat(paths.stdout).st_size == 3_000_000


def test_a_pipe_that_somebody_else_holds_is_not_waited_for(loop, paths):
    """What is in it by then is kept."""
    stdio = PipeStdio(loop.dispatcher, paths, print)
    out, err = streams(loop, stdio)
    os.write(out, b"last words")
    before = loop.dispatcher.clock.now()
    loop.finish(stdio)
    assert loop.dispatcher.clock.now() - before < CEILING / 2
    assert read_text(paths.stdout) == "last words"
    with pytest.raises(BrokenPipeError):
        os.write(out, b"too late")
    os.close(out)
    os.close(err)


@pytest.mark.slow
def test_a_pipe_whose_holder_goes_on_writing_is_given_up(loop, paths):
    stdio = PipeStdio(loop.dispatcher, paths, print)
    out, err = streams(loop, stdio)
    ended = threading.Event()

    def flood():
        with pytest.raises(BrokenPipeError):
            write_for_ever(out)
        ended.set()

    thread = threading.Thread(target=flood)
    thread.start()
    loop.finish(stdio)
    assert ended.wait(CEILING)
    thread.join()
    os.close(out)
    os.close(err)


def test_a_file_that_cannot_be_written_is_told_once_and_the_writer_learns_of_it(
    loop, paths, monkeypatch
):
    troubles = []
    monkeypatch.delattr(os, "splice", raising=False)
    real = os.open

    def full(path, *args, **options):
        return real("/dev/full", os.O_WRONLY) if path == paths.stdout else real(path, *args)

    stdio = PipeStdio(loop.dispatcher, paths, troubles.append)
    monkeypatch.setattr(os, "open", full)
    out, err = streams(loop, stdio)
    monkeypatch.undo()
    with pytest.raises(BrokenPipeError):
        write_for_ever(out)
    os.close(out)
    os.close(err)
    loop.finish(stdio)
    assert troubles == ["No space left on device"]


def test_a_terminal_has_a_size_and_no_echo_and_its_end_is_no_error(loop, tmp_path):
    paths = output_paths(str(tmp_path), "a", 1, merged=True)
    env = {"LINES": "50", "COLUMNS": "132"}
    stdio = PtyStdio(loop.dispatcher, paths, print, env, spoken_to=True)
    out, err = streams(loop, stdio)
    assert os.isatty(out)
    assert os.get_terminal_size(out) == (132, 50)
    os.write(stdio.keyboard, b"typed\n")
    os.write(out, b"one\n")
    os.write(err, b"two\n")
    assert os.read(out, 100) == b"typed\n"
    os.close(out)
    os.close(err)
    loop.finish(stdio)
    loop.do(stdio.close)
    with open(paths.stdout, "rb") as file:
        assert file.read() == b"one\r\ntwo\r\n"


@pytest.mark.parametrize("text", ["", "0", "-3", "x", "99999", "²"])
def test_a_size_that_is_none_is_that_of_an_old_terminal(loop, tmp_path, text):
    paths = output_paths(str(tmp_path), "a", 1, merged=True)
    stdio = PtyStdio(loop.dispatcher, paths, print, {"LINES": text, "COLUMNS": text})
    out, err = streams(loop, stdio)
    assert os.get_terminal_size(out) == (80, 24)
    os.close(out)
    os.close(err)
    loop.finish(stdio)


# Input that stays open


def test_more_than_a_pipe_holds_is_written_as_it_is_read(loop):
    reader, writer = os.pipe()
    outbox = Outbox(loop.dispatcher, writer)
    told, data = [], os.urandom(1_000_000)
    loop.do(outbox.put, data, told.append)
    loop.do(outbox.put, b"end", told.append)
    loop.do(outbox.end)
    with open(reader, "rb") as file:
        assert file.read() == data + b"end"
    loop.do(int)
    assert told == [True, True]
    loop.do(outbox.put, b"more", told.append)
    assert told[2:] == [False]


def test_what_is_left_to_write_is_not_copied_each_time(loop):
    reader, writer = os.pipe()
    outbox, data = Outbox(loop.dispatcher, writer), bytes(10_000_000)
    tracemalloc.start()
    try:
        loop.do(outbox.put, data, bool)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    loop.do(outbox.close)
    os.close(reader)


def test_that_nobody_reads_any_more_is_told_and_is_no_error(loop):
    reader, writer = os.pipe()
    outbox = Outbox(loop.dispatcher, writer)
    told = []
    loop.do(outbox.put, b"x" * 1_000_000, told.append)
    loop.do(outbox.put, b"more", told.append)
    os.close(reader)
    loop.dispatcher.settle(CEILING)
    while len(told) < 2:
        loop.do(int)
    assert told == [False, False]


def test_an_open_input_is_a_private_pipe_that_others_can_write_to_and_is_removed(loop, tmp_path):
    path = str(tmp_path / "a.1.stdin")
    opened = loop.do(OpenInput, loop.dispatcher, path)
    assert stat.S_ISFIFO(os.stat(path).st_mode)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    reader = os.dup(opened.reader)
    loop.do(opened.hand_over)
    told = []
    loop.do(opened.send, b"from here\n", told.append)
    with open(path, "wb") as other:
        other.write(b"from there\n")
    loop.do(opened.end)
    with open(reader, "rb") as file:
        assert file.read() == b"from here\nfrom there\n"
    assert told == [True]
    loop.do(opened.close)
    loop.do(opened.close)
    assert not os.path.exists(path)


def test_no_pipe_is_made_where_something_is_in_the_way(loop, tmp_path):
    path = tmp_path / "a.1.stdin"
    path.write_text("precious")
    before = set(os.listdir("/dev/fd"))
    with pytest.raises(FileExistsError):
        loop.do(OpenInput, loop.dispatcher, str(path))
    assert path.read_text() == "precious"
    assert set(os.listdir("/dev/fd")) == before
