"""Output files read on from where one left off, as lines; each byte once, a piece at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Final

from ._output_file import data_start, open_output

__all__ = ["LONGEST", "PIECE", "LineCutter", "Reader"]

PIECE: Final = 1 << 17
"""Bytes that are read at once."""
LONGEST: Final = 1 << 20
"""Bytes of a line that are held back until its end comes; a longer one is given in parts."""


class Reader:
    """A file that may grow, be begun anew, lose its head to a hole, or not be there.

    It is open only while it is being read, so that whoever waits holds no descriptor.

    Args:
        path: the file.
        most: bytes that are left of it when it is cut, if it may be: what was read beyond is read.

    Attributes:
        offset: where the next piece begins.
        torn: whether the last piece does not go on where the one before ended.
    """

    def __init__(self, path: str, most: int | None = None) -> None:
        self._path = path
        self._most = most
        self.offset = 0
        self.torn = False

    def piece(self) -> bytes:
        """What comes next, at most 128 KiB; empty if there is nothing more for now."""
        self.torn = False
        try:
            descriptor = open_output(self._path)
        except OSError:
            return b""
        try:
            return self._read(descriptor)
        except OSError:
            return b""
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int) -> bytes:
        size = os.fstat(descriptor).st_size
        if size < self.offset and (self._most is None or size < self._most):
            self._go_to(0)  # as after `> /dev/stdout`
        data = os.pread(descriptor, PIECE, self.offset)
        if data.startswith(b"\0") and (begin := data_start(descriptor)) > self.offset:
            self._go_to(begin)
            data = os.pread(descriptor, PIECE, begin)
        self.offset += len(data)
        return data

    def _go_to(self, offset: int) -> None:
        self.torn = self.offset > 0
        self.offset = offset

    def __repr__(self) -> str:
        return f"<Reader at {self.offset} of {self._path}>"


class LineCutter:
    r"""Bytes in, lines out, the same however the bytes come; cut at ``\n`` and nowhere else.

    Text is decoded as UTF-8; bytes that are none become U+FFFD. With each line comes whether a
    newline followed: not after a part of a line that is longer than 1 MiB, unless it is the last.
    """

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[str, bool]]:
        """The lines that are known now."""
        begin, end = 0, data.rfind(b"\n") + 1
        first: list[tuple[str, bool]] = []
        if end and self._rest:
            begin = data.index(b"\n") + 1
            self._rest += data[: begin - 1]
            first = [*self._parts(), (self._take(), True)]
        if end - begin > LONGEST:
            return iter(first + self._one_by_one(data[begin:]))
        texts = data[begin:end].decode("utf-8", "replace").split("\n")
        del texts[-1]  # what comes after the last newline: nothing
        self._rest += data[end:]
        return chain(first, zip(texts, repeat(True)), self._parts())

    def rest(self) -> list[tuple[str, bool]]:
        """What is held back: there will be no end of that line."""
        return [(self._take(), False)] if self._rest else []

    def _one_by_one(self, data: bytes) -> list[tuple[str, bool]]:
        """The same for a piece that is so large that there may be a line to be cut in it."""
        found: list[tuple[str, bool]] = []
        *whole, last = data.split(b"\n")
        for line in whole:
            self._rest += line
            found += [*self._parts(), (self._take(), True)]
        self._rest += last
        return found + self._parts()

    def _parts(self) -> list[tuple[str, bool]]:
        found: list[tuple[str, bool]] = []
        while len(self._rest) > LONGEST:
            cut = _boundary(self._rest, LONGEST)
            found.append((self._rest[:cut].decode("utf-8", "replace"), False))
            del self._rest[:cut]
        return found

    def _take(self) -> str:
        taken = self._rest.decode("utf-8", "replace")
        self._rest.clear()
        return taken

    def __repr__(self) -> str:
        return f"<LineCutter, {len(self._rest)} bytes held back>"


def _boundary(data: bytearray, cut: int) -> int:
    """The last place up to `cut` that is not within a character of UTF-8."""
    for place in range(cut, cut - 4, -1):
        if data[place] & 0xC0 != 0x80:
            return place
    return cut
