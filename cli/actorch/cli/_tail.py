"""Reading an attempt's files on from where one left off."""

from __future__ import annotations

import os
from collections.abc import Iterator

from actorch.actors import AgentOutput
from actorch.actors._output import file_size
from actorch.actors._text import current_line

__all__ = ["LineTails", "Tail"]

_PIECE = 1 << 17
_LONGEST = 1 << 16
"""What is longer without an end is shown in parts."""
_BEHIND = 4 << 20
"""Whoever is so many bytes behind skips all but the last ones: progress that is old is none."""
_RESUMED = 1 << 14


class Tail:
    """One file, read in order, each byte once.

    Attributes:
        offset: how many bytes have been read.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.offset = 0

    def read(self) -> bytes:
        """The next bytes, at most 128 KiB; b"" where there is nothing new, or no file."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            if os.fstat(descriptor).st_size < self.offset:  # `> /dev/stdout` begins it anew
                self.offset = 0
            data = os.pread(descriptor, _PIECE, self.offset)
        finally:
            os.close(descriptor)
        self.offset += len(data)
        return data


class LineTails:
    """The lines of both files of every attempt, whole ones only until the attempt is over."""

    def __init__(self) -> None:
        self._tails: dict[str, tuple[Tail, bytearray]] = {}

    def lines(self, output: AgentOutput, *, over: bool) -> Iterator[list[str]]:
        """The lines that have come, safe to show, piece by piece; `over`: the unfinished one, too.

        Reads no further than the files reach when it is called, and holds one piece at a time: an
        agent that prints faster than anybody can read must not fill the memory.
        """
        for path in (output.stdout_path, output.stderr_path):
            tail, rest = self._tails.setdefault(path, (Tail(path), bytearray()))
            end = file_size(path)
            if end - tail.offset > _BEHIND:
                skipped = end - _RESUMED - tail.offset
                tail.offset += skipped
                rest.clear()
                yield [f"… {skipped / 1e6:.0f} MB not shown here; all of it is in {path}"]
            while tail.offset < end and (data := tail.read()):
                rest += data
                *whole, last = rest.split(b"\n")
                rest[:] = last
                yield [current_line(bytes(line)) for line in whole]
                if len(rest) > _LONGEST:
                    yield [current_line(bytes(rest))]
                    rest.clear()
            if over:
                yield [current_line(bytes(rest))] if rest else []
                del self._tails[path]
