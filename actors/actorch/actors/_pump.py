"""From a pipe or a terminal into a file, on the loop, as fast as both allow."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from ._dispatcher import Dispatcher

__all__ = ["Pump"]

_PIECE: Final = 1 << 20
_TURN: Final = 2 << 20
_MOVES: Final = 250
"""So many bytes, or as many reads, before everybody else gets a turn: some milliseconds."""
_FLAGS: Final = getattr(os, "SPLICE_F_NONBLOCK", 0) | getattr(os, "SPLICE_F_MOVE", 0)


class Pump:
    """Moves bytes until there are no more. Owns both descriptors. For the loop's thread.

    Args:
        dispatcher: whose loop it is on.
        source: the end of a pipe, or the side of a terminal that a program does not see.
        target: a file.
        on_moved: called after bytes were moved, and at the end.
        on_trouble: called once with the reason if the file cannot be written to; the source is
            closed then, so that whoever writes to it learns of it.

    Attributes:
        ended: whether no more will come.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        source: int,
        target: int,
        on_moved: Callable[[], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._source = source
        self._target = target
        self._on_moved = on_moved
        self._on_trouble = on_trouble
        self._splices = hasattr(os, "splice")
        self.ended = False
        os.set_blocking(source, False)
        dispatcher.add_reader(source, self.pull)

    def pull(self) -> None:
        """Move what is there, or as much of it as one turn has room for."""
        moved = 0
        for _ in range(_MOVES):
            if self.ended or moved >= _TURN or (count := self._move()) is None:
                break
            moved += count
            if count == 0:
                self.close()
        if moved or self.ended:
            self._on_moved()

    def close(self) -> None:
        """Move nothing any more. Idempotent."""
        if not self.ended:
            self.ended = True
            self._dispatcher.remove_reader(self._source)
            os.close(self._source)
            os.close(self._target)

    def _move(self) -> int | None:
        """How many bytes were moved; 0 at the end, None if there is nothing for now."""
        try:
            if self._splices:
                return os.splice(self._source, self._target, _PIECE, flags=_FLAGS)
            return self._copy(os.read(self._source, _PIECE))
        except BlockingIOError:
            return None
        except OSError as error:
            return self._on_error(error)

    def _on_error(self, error: OSError) -> int | None:
        if error.errno == errno.EINVAL and self._splices:  # a terminal, or such a file system
            self._splices = False
            return self._move()
        if error.errno != errno.EIO or self._splices:  # else nobody has the terminal open any more
            self._fail(error)
        return 0

    def _copy(self, data: bytes) -> int:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._target, left) :]
            except OSError as error:
                self._fail(error)
                return 0
        return len(data)

    def _fail(self, error: OSError) -> None:
        self._on_trouble(os.strerror(error.errno or 0))

    def __repr__(self) -> str:
        return f"<Pump from {self._source} to {self._target}{' ended' * self.ended}>"


def widen(pipe: int) -> None:
    """Let a pipe hold a whole piece, where that is allowed: fewer turns for the same bytes."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIECE)
