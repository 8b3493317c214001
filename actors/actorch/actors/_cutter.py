"""Cutting a stream of bytes into lines, however it arrives, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["LONGEST", "Cut", "LineCutter"]

LONGEST: Final = 1 << 16
"""What is longer without an end comes in parts."""

_CHARACTER: Final = 4
"""Bytes of the longest one in UTF-8."""
_SEQUENCE: Final = 128
"""Bytes in which a control sequence is over, unless it is one of those that hold a text."""
_UNFINISHED: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[ -/]*)\Z")
_TEXT_BEGINS: Final = re.compile(rb"\x1b[P\]X^_]")
_TEXT_ENDS: Final = re.compile(rb"\x07|\x1b\\|\xc2\x9c")
_IGNORED: Final = b"\x1b_"
"""Begins a text that terminals do not show: what was begun in the part before goes on."""


class Cut(NamedTuple):
    """One line, or a part of one that is very long.

    Attributes:
        data: its bytes, without the newline.
        ended: whether the line ends here.
    """

    data: bytes
    ended: bool


class LineCutter:
    """Whole lines as they come; the same ones, however the bytes were divided.

    A line of more than 64 KiB comes in parts, none of which ends within a character or a control
    sequence. Of a progress bar of that length, only what a terminal would still show is kept.

    Args:
        longest: how many bytes of a line are kept at most.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = bytearray()

    @property
    def pending(self) -> bool:
        """Whether there is a line that has no end yet."""
        return bool(self._rest)

    def feed(self, data: bytes) -> Iterator[Cut]:
        """The lines that are complete with these bytes."""
        rest = self._rest
        rest += data
        if b"\n" in data:
            *whole, last = bytes(rest).split(b"\n")
            rest[:] = last
            for line in whole:
                if len(line) <= self._longest:
                    yield Cut(line, True)
                else:
                    yield from _parts(long := bytearray(line), self._longest)
                    yield Cut(bytes(long), True)
        yield from _parts(rest, self._longest)

    def end(self) -> Iterator[Cut]:
        """The last line, if it has no end."""
        if self._rest:
            yield Cut(bytes(self._rest), True)
            self._rest.clear()

    def drop(self) -> None:
        """Forget the line that has no end yet: what comes next is from elsewhere."""
        self._rest.clear()

    def __repr__(self) -> str:
        return f"<LineCutter, {len(self._rest)} bytes of a line without an end>"


def _parts(line: bytearray, longest: int) -> Iterator[Cut]:
    """Take parts off the start of a line until what is left is short enough."""
    while len(line) > longest:
        part = bytes(line[:longest])
        at = part.rstrip(b"\r").rfind(b"\r") + 1
        if at:  # what is before has been drawn over
            del line[:at]
            continue
        size = _good_size(part) or longest
        line[:size] = _IGNORED if _within_text(part[:size]) else b""
        yield Cut(part[:size], False)


def _good_size(part: bytes) -> int:
    """How much of it to take, so that nothing is torn."""
    size = len(part)
    if found := _UNFINISHED.search(part, max(0, size - _SEQUENCE)):
        return found.start()
    for back in range(1, min(size, _CHARACTER)):
        if part[size - back] & 0xC0 != 0x80:  # the first byte of a character
            return size - back if part[size - back] >= 0xC0 else size
    return size


def _within_text(part: bytes) -> bool:
    """Whether a sequence that holds a text has begun in it, and has not ended."""
    at = 0
    while begun := _TEXT_BEGINS.search(part, at):
        ended = _TEXT_ENDS.search(part, begun.end())
        if ended is None:
            return True
        at = ended.end()
    return False
