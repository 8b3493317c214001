"""The files of an attempt: named, measured, and read from their end."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import msgspec

from ._output_file import data_start, open_output
from ._text import current_line, split_lines

__all__ = [
    "OutputPaths",
    "disk_is_full",
    "file_size",
    "last_line",
    "newest",
    "output_paths",
    "read_part",
    "read_text",
    "remove_empty",
    "tail_lines",
]

_LAST_LINE_BYTES: Final = 4096
_TAIL_BYTES: Final = 256 * 1024


class OutputPaths(msgspec.Struct, frozen=True, gc=False):
    """Where one attempt's output goes; the same path twice where both streams go to one file."""

    stdout: str
    stderr: str

    @property
    def each(self) -> tuple[str, ...]:
        """Every file once."""
        return (self.stdout,) if self.stdout == self.stderr else (self.stdout, self.stderr)


def output_paths(directory: str, agent: str, attempt: int, *, merged: bool = False) -> OutputPaths:
    """``<agent>.<attempt>.out`` and ``.err`` in the directory of the run, or ``.out`` for both."""
    stem = f"{directory}/{agent}.{attempt}"
    return OutputPaths(f"{stem}.out", f"{stem}.out" if merged else f"{stem}.err")


def file_size(path: str | None) -> int:
    """The size of a file in bytes, 0 where there is none."""
    try:
        return os.stat(path).st_size if path else 0
    except OSError:
        return 0


def newest(paths: Iterable[str]) -> tuple[float, str] | None:
    """Which of these files was last written to, and when, in seconds since the epoch.

    None if there is nothing in any of them.
    """
    found: list[tuple[float, str]] = []
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            continue
        if status.st_size:
            found.append((status.st_mtime, path))
    return max(found, default=None)


def remove_empty(paths: OutputPaths) -> None:
    """A file that nothing was written to is only in the way."""
    for path in paths.each:
        with suppress(OSError):
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and status.st_size == 0:
                os.unlink(path)


def disk_is_full(directory: str) -> bool:
    """Whether nothing more can be written there."""
    try:
        return os.statvfs(directory).f_bavail == 0
    except OSError:
        return False


def read_text(path: str | None) -> str:
    """A whole file as text; bytes that are no UTF-8 become U+FFFD. "" where there is no file.

    What was given back to the file system at its head is left out.
    """
    if path is None:
        return ""
    try:
        with open(open_output(path), "rb") as file:
            file.seek(data_start(file.fileno()))
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


def read_part(path: str | None, limit: int, *, at_end: bool) -> str:
    """Up to `limit` bytes of a file, from its end or its start, as text; bad bytes replaced."""
    return _read(path, limit, at_end=at_end).decode("utf-8", "replace")


def _read_end(path: str | None, limit: int) -> bytes:
    return _read(path, limit, at_end=True)


def _read(path: str | None, limit: int, *, at_end: bool) -> bytes:
    if path is None:
        return b""
    try:
        with open(open_output(path), "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            return os.pread(file.fileno(), limit, max(0, size - limit) if at_end else 0)
    except OSError:
        return b""
