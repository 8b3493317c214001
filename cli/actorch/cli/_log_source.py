"""One output file, read on from where one left off, whatever becomes of it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from actorch.actors._cutter import LineCutter
from actorch.actors._output_file import READ_SIZE, data_start, open_output, tail_start
from actorch.actors._shown import one_line

from ._terminal import say

__all__ = ["Source"]


class Source:
    """A file of an attempt; each byte of it is read once.

    It is opened anew each time: there may be more of them than descriptors, and one that was moved
    or deleted is noticed.

    Args:
        attempt: whose it is, agent and number.
        path: the file.
        label: what it is called in a prefix.
        error: whether it is standard error.
        tail: how many lines to begin with; None for all.
        since: a file that was last written to before that is begun at its end.
        old: begin at its end in any case.

    Attributes:
        cutter: makes lines of what was read.
        written: when the file had last been written to when it was last read.
    """

    def __init__(
        self,
        attempt: tuple[str, int],
        path: str,
        label: str,
        error: bool,
        tail: int | None = None,
        since: float | None = None,
        old: bool = False,
    ) -> None:
        self.attempt = attempt
        self.path = path
        self.label = label
        self.error = error
        self.cutter = LineCutter()
        self.written = 0.0
        self._tail = tail
        self._since = since
        self._old = old
        self._offset: int = 0
        self._file: tuple[int, int] | None = None
        self._complained = False

    def pieces(self) -> Iterator[bytes]:
        """What has come, a mebibyte at a time.

        What comes meanwhile is for the next time: it may grow faster than it can be read.
        """
        try:
            descriptor = open_output(self.path)
        except OSError as error:
            self._complain(error)
            return
        try:
            end = self._place(descriptor)
            while self._offset < end:
                data = os.pread(descriptor, min(READ_SIZE, end - self._offset), self._offset)
                if data.startswith(b"\0") and self._skip_hole(descriptor):
                    continue  # it was given back while earlier pieces were shown
                if not data:
                    break  # it was cut short meanwhile
                self._offset += len(data)
                self.written = os.fstat(descriptor).st_mtime
                yield data
        except OSError as error:
            self._complain(error)
        finally:
            os.close(descriptor)

    def _place(self, descriptor: int) -> int:
        """Go to where reading goes on; returns where the file ends by now."""
        status = os.fstat(descriptor)
        file = status.st_dev, status.st_ino
        if self._file is None:
            self._offset = self._first(descriptor, status)
        elif file != self._file:
            self._say("another file has taken its place; going on with that one")
            self._begin_anew()
        elif status.st_size < self._offset:
            self._begin_anew()
        self._file = file
        self._skip_hole(descriptor)
        return status.st_size

    def _skip_hole(self, descriptor: int) -> bool:
        """Go on behind what was given back to the disk; whether there was such a thing."""
        begin = data_start(descriptor)
        if begin <= self._offset:
            return False
        self._offset = begin
        self.cutter.drop()
        return True

    def _first(self, descriptor: int, status: os.stat_result) -> int:
        if self._old or (self._since is not None and status.st_mtime < self._since):
            return status.st_size
        return 0 if self._tail is None else tail_start(descriptor, self._tail)

    def _begin_anew(self) -> None:
        self._offset = 0
        self.cutter.drop()

    def _complain(self, error: OSError) -> None:
        """Once. A file of which nothing was read had nothing in it, or is yet to come."""
        missing = isinstance(error, FileNotFoundError)
        if missing and self._file is None:
            self._tail = self._since = None
            self._old = False
        if self._complained or (missing and not self._offset):
            return
        self._complained = True
        what = "was deleted" if missing else f"is not shown: {error.strerror}"
        self._say(what)

    def _say(self, text: str) -> None:
        say(f"{one_line(self.path, 300)}: {text}")

    def __repr__(self) -> str:
        return f"<Source {self.path}, {self._offset} bytes read>"
