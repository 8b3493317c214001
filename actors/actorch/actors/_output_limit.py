"""How much an agent may print, and giving back the head of what was too much."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable, Sequence
from typing import Final

from ._output import file_size
from ._output_file import open_output

__all__ = ["OutputLimit", "give_back"]

_BLOCK: Final = 4096
_KEEP_SIZE, _PUNCH_HOLE = 1, 2


class OutputLimit:
    """The limit of each of an attempt's files.

    Args:
        paths: the files.
        most: bytes that each of them may take on the disk.
        keep_tail: whether the head is given back, so that it may go on.

    Attributes:
        truncated: bytes that were printed and are not kept.
    """

    def __init__(self, paths: Sequence[str], most: int, keep_tail: bool) -> None:
        self._most = most
        self._keep_tail = keep_tail
        self._heads = dict.fromkeys(paths, 0)
        self.truncated = 0

    @property
    def heads(self) -> tuple[int, ...]:
        """Bytes given back at the head of each file."""
        return tuple(self._heads.values())

    def exceeded(self) -> bool:
        """Whether any of the files is too large, and its head cannot be given back."""
        found = [self._is_too_large(path) for path in self._heads]  # each of them is to be cut
        return any(found)

    def settle(self) -> bool:
        """Nothing more is printed: cut off what is too much. Returns whether anything was."""
        exceeded = self.exceeded()
        for path, head in self._heads.items():
            surplus = file_size(path) - head - self._most
            if surplus > _BLOCK or (surplus > 0 and not self._keep_tail):
                self.truncated += surplus * _cut_off(path, head + self._most)
        return exceeded

    def _is_too_large(self, path: str) -> bool:
        size = file_size(path)
        if size - self._heads[path] <= self._most:
            return False
        if not self._keep_tail:
            return True
        head = (size - self._most) // _BLOCK * _BLOCK
        if head > self._heads[path]:
            surplus = head - self._heads[path]
            if not give_back(path, self._heads[path], surplus):
                return True
            self.truncated += surplus
            self._heads[path] = head
        return False

    def __repr__(self) -> str:
        return f"<OutputLimit {self._most}, {self.truncated} bytes not kept>"


def give_back(path: str, offset: int, length: int) -> bool:
    """Have a file take no room for some of its bytes, which read as NUL from then on. fallocate(2).

    Returns:
        whether the file system can do that.
    """
    try:
        descriptor = open_output(path, os.O_WRONLY)
    except OSError:
        return False
    try:
        code: int = _fallocate()(descriptor, _KEEP_SIZE | _PUNCH_HOLE, offset, length)
        return code == 0
    except AttributeError:  # not on this system
        return False
    finally:
        os.close(descriptor)


def _cut_off(path: str, size: int) -> bool:
    """Shorten a file; whether that was possible: an agent may have put something in its place."""
    try:
        descriptor = open_output(path, os.O_WRONLY)
    except OSError:
        return False
    try:
        os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)
    return True


@functools.cache
def _fallocate() -> Callable[..., int]:
    function = ctypes.CDLL(None, use_errno=True).fallocate
    function.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong]
    return function
