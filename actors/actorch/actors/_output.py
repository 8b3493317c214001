"""The files of an attempt: made, measured, and read from their end.

An agent's standard output and error are regular files that it writes to itself, so there is no
reader to be late, no pipe to fill, and nothing lost when actorch is killed.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

import msgspec

from ._text import current_line, split_lines

__all__ = [
    "AttemptFiles",
    "OutputPaths",
    "disk_is_full",
    "file_size",
    "last_line",
    "last_write",
    "output_paths",
    "read_text",
    "tail_lines",
    "write_stdin",
]

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_LAST_LINE_BYTES: Final = 4096
_TAIL_BYTES: Final = 256 * 1024


class OutputPaths(msgspec.Struct, frozen=True, gc=False):
    """Where one attempt's output goes."""

    stdout: str
    stderr: str


class AttemptFiles(msgspec.Struct, frozen=True, gc=False):
    """The three descriptors an attempt starts with."""

    stdin: int | None
    stdout: int
    stderr: int


def output_paths(directory: str, agent: str, attempt: int) -> OutputPaths:
    """``<agent>.<attempt>.out`` and ``.err`` in the directory of the run."""
    stem = f"{directory}/{agent}.{attempt}"
    return OutputPaths(f"{stem}.out", f"{stem}.err")


@contextmanager
def open_attempt(paths: OutputPaths, stdin: str | None) -> Generator[AttemptFiles]:
    """Create the output files and open the input; the descriptors are closed at the end.

    The files are new (a name that is taken, or a planted symbolic link, is an error), private to
    the user, and opened for appending, so that processes of the agent do not overwrite each other.

    Args:
        paths: the files to create.
        stdin: a file to read from, if any.

    Raises:
        OSError: a file cannot be made or opened.
    """
    opened: list[int] = []
    try:
        opened.append(os.open(paths.stdout, _CREATE, 0o600))
        opened.append(os.open(paths.stderr, _CREATE, 0o600))
        if stdin is not None:
            opened.append(os.open(stdin, os.O_RDONLY | os.O_CLOEXEC))
        yield AttemptFiles(opened[2] if stdin is not None else None, *opened[:2])
    finally:
        for descriptor in opened:
            os.close(descriptor)


def write_stdin(path: str, draft: str, data: bytes) -> None:
    """Put a prompt into a private file, whole or not at all, to be an agent's standard input.

    A file has no writer to block, no EPIPE, and an end.

    Args:
        path: the file.
        draft: another name in the same directory, for the file while it is being written.
        data: the prompt.

    Raises:
        OSError: it cannot be written; there is no file then.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with open(os.open(draft, flags, 0o600), "wb") as file:
            file.write(data)
        os.rename(draft, path)
    except OSError:
        with suppress(OSError):
            os.unlink(draft)
        raise


def file_size(path: str | None) -> int:
    """The size of a file in bytes, 0 where there is none."""
    try:
        return os.stat(path).st_size if path else 0
    except OSError:
        return 0


def last_write(paths: OutputPaths) -> float | None:
    """When the attempt last wrote, in seconds since the epoch; None before its first byte."""
    times: list[float] = []
    for path in (paths.stdout, paths.stderr):
        try:
            status = os.stat(path)
        except OSError:
            continue
        if status.st_size:
            times.append(status.st_mtime)
    return max(times, default=None)


def disk_is_full(directory: str) -> bool:
    """Whether nothing more can be written there."""
    try:
        return os.statvfs(directory).f_bavail == 0
    except OSError:
        return False


def read_text(path: str | None) -> str:
    """A whole file as text; bytes that are no UTF-8 become U+FFFD. "" where there is no file."""
    if path is None:
        return ""
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def last_line(path: str | None) -> str:
    """The last line that has anything in it, safe to show; costs one read from the end."""
    data = _read_end(path, _LAST_LINE_BYTES)
    for line in reversed(split_lines(data)):
        if shown := current_line(line).strip():
            return shown
    return ""


def tail_lines(path: str | None, count: int) -> list[str]:
    """The last `count` lines, safe to show; looks at no more than the last 256 KiB."""
    if count <= 0:
        return []
    data = _read_end(path, _TAIL_BYTES).rstrip(b"\r\n")
    return [current_line(line) for line in split_lines(data)[-count:]] if data else []


def _read_end(path: str | None, limit: int) -> bytes:
    if path is None:
        return b""
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            return os.pread(file.fileno(), limit, max(0, size - limit))
    except OSError:
        return b""
