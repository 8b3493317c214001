"""The standard input of a process that is none: what it was given to read."""

from __future__ import annotations

import os
import stat
from typing import Final

from .._dispatcher import Dispatcher

__all__ = ["FakeInput"]

_PIECE: Final = 1 << 16


class FakeInput:
    """Reads at once what is a file, and what is none as it comes. For the dispatcher's thread.

    Args:
        dispatcher: whose loop reads.
        descriptor: borrowed; None for nothing to read.

    Attributes:
        data: what has been read.
    """

    def __init__(self, dispatcher: Dispatcher, descriptor: int | None) -> None:
        self._dispatcher = dispatcher
        self._descriptor = -1
        self.data = b""
        if descriptor is None:
            return
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            self.data = _content(descriptor)
            return
        self._descriptor = os.dup(descriptor)
        os.set_blocking(self._descriptor, False)
        dispatcher.add_reader(self._descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _PIECE)
        except BlockingIOError:
            return
        except OSError:  # a terminal that has been hung up
            data = b""
        self.data += data
        if not data:
            self.close()

    def close(self) -> None:
        """Read no more. Idempotent."""
        if self._descriptor >= 0:
            self._dispatcher.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def sever(self) -> None:
        """The same where the loop is fenced."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __repr__(self) -> str:
        return f"<FakeInput: {len(self.data)} bytes read>"


def _content(descriptor: int) -> bytes:
    """All of a file, without moving its offset."""
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
