"""Reading an attempt's files on from where one left off."""

from __future__ import annotations

import os
from collections.abc import Iterator

from actorch.actors import AgentOutput
from actorch.actors._cutter import Cut, LineCutter
from actorch.actors._output import file_size
from actorch.actors._output_file import data_start, open_output
from actorch.actors._text import current_line

__all__ = ["LineTails", "Tail"]

_PIECE = 1 << 17
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

    def behind(self) -> int:
        """How many bytes there are that have not been read; a file begun anew is read anew."""
        size = file_size(self._path)
        if size < self.offset:  # as by `> /dev/stdout`
            self.offset = 0
        return size - self.offset

    def pieces(self) -> Iterator[bytes]:
        """What is there now and has not been read, at most 128 KiB at a time.

        It may grow faster than it can be read, so what comes meanwhile is for the next time.
        """
        left = self.behind()
        end = self.offset + left
        while self.offset < end and (data := self._read()):
            yield data

    def _read(self) -> bytes:
        try:
            descriptor = open_output(self._path)
        except OSError:
            return b""
        try:
            self.offset = max(self.offset, data_start(descriptor))
            data = os.pread(descriptor, _PIECE, self.offset)
        finally:
            os.close(descriptor)
        self.offset += len(data)
        return data


class LineTails:
    """The lines of both files of every attempt, whole ones only until the attempt is over.

    Args:
        colour: whether to keep the colours that agents print.
    """

    def __init__(self, colour: bool = False) -> None:
        self._colour = colour
        self._tails: dict[str, tuple[Tail, LineCutter]] = {}

    def lines(self, output: AgentOutput, *, over: bool) -> Iterator[tuple[bool, list[str]]]:
        """The lines that have come, safe to show, piece by piece; `over`: the unfinished one, too.

        With each piece comes whether it is of standard error.

        Reads no further than the files reach when it is called, and holds one piece at a time: an
        agent that prints faster than anybody can read must not fill the memory.
        """
        for path in dict.fromkeys((output.stdout_path, output.stderr_path)):
            tail, cutter = self._tails.setdefault(path, (Tail(path), LineCutter()))
            error = path != output.stdout_path
            for said in self._skip(path, tail, cutter):
                yield error, said
            for data in tail.pieces():
                yield error, self._shown(cutter.feed(data))
            if over:
                yield error, self._shown(cutter.end())
                del self._tails[path]

    def _skip(self, path: str, tail: Tail, cutter: LineCutter) -> Iterator[list[str]]:
        before = tail.offset
        behind = tail.behind()
        if tail.offset < before:
            cutter.drop()
        if behind > _BEHIND:
            tail.offset += behind - _RESUMED
            cutter.drop()
            skipped = (behind - _RESUMED) / 1e6
            yield [f"… {skipped:.0f} MB not shown here; all of it is in {path}"]

    def _shown(self, cuts: Iterator[Cut]) -> list[str]:
        return [current_line(cut.data, colour=self._colour) for cut in cuts]
