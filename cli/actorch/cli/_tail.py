"""Reading an attempt's files on from where one left off."""

from __future__ import annotations

import os

from actorch.actors import AgentOutput
from actorch.actors._text import current_line

__all__ = ["LineTails", "Tail"]

_PIECE = 1 << 20


class Tail:
    """One file, read in order, each byte once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> bytes:
        """The next bytes, at most a mebibyte; b"" where there is nothing new, or no file."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            data = os.pread(descriptor, _PIECE, self._offset)
        finally:
            os.close(descriptor)
        self._offset += len(data)
        return data


class LineTails:
    """The lines of both files of every attempt, whole ones only until the attempt is over."""

    def __init__(self) -> None:
        self._tails: dict[str, tuple[Tail, bytearray]] = {}

    def lines(self, output: AgentOutput, *, over: bool) -> list[str]:
        """The lines that have come, safe to show; with `over`, also the last unfinished one."""
        found: list[str] = []
        for path in (output.stdout_path, output.stderr_path):
            tail, rest = self._tails.setdefault(path, (Tail(path), bytearray()))
            while data := tail.read():
                rest += data
                *whole, last = rest.split(b"\n")
                rest[:] = last
                found += [current_line(bytes(line)) for line in whole]
            if over:
                found += [current_line(bytes(rest))] if rest else []
                del self._tails[path]
        return found
