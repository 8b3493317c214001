"""What a process that is none does."""

from __future__ import annotations

import signal
from typing import Literal

import msgspec

from .._checks import check_seconds

__all__ = ["FakeScript", "Printing"]


class Printing(msgspec.Struct, frozen=True):
    """Bytes on a stream, so many seconds after the start."""

    after: float
    stream: str
    data: bytes


class FakeScript(msgspec.Struct, frozen=True):
    """What a `FakeProcess` does; without a word, it exits with code 0 at once.

    Each method returns a new script. Seconds are counted from the start, on the system's clock::

        FakeScript().prints("1 problem", after=2).exits(1, after=3)

    Attributes:
        printings: what it prints, and when.
        code: what it exits with; None if a signal ends it.
        signal: the signal that ends it; None if it exits.
        after: when it ends; None for as soon as it has printed everything.
        endless: whether it goes on until it is told to end.
        ignored: the signals that do not end it.
        stage: at what its start fails; None if it starts.
        errno: why its start fails.
    """

    printings: tuple[Printing, ...] = ()
    code: int | None = 0
    signal: int | None = None
    after: float | None = None
    endless: bool = False
    ignored: frozenset[int] = frozenset()
    stage: str | None = None
    errno: int = 0

    def prints(
        self,
        text: str | bytes,
        *,
        after: float = 0.0,
        stream: Literal["stdout", "stderr"] = "stdout",
    ) -> FakeScript:
        """Prints a text as it is: no end of a line is added."""
        after = check_seconds("after", after, zero=True)
        data = text.encode() if isinstance(text, str) else text
        printings = sorted((*self.printings, Printing(after, stream, data)), key=_time_of)
        return msgspec.structs.replace(self, printings=tuple(printings))

    def exits(self, code: int = 0, *, after: float | None = None) -> FakeScript:
        """Ends with a code; without `after`, once it has printed everything."""
        return self._ends(code, None, after)

    def dies_of(self, signum: int, *, after: float | None = None) -> FakeScript:
        """Is ended by a signal of its own, as after a crash."""
        return self._ends(None, signal.Signals(signum).value, after)

    def _ends(self, code: int | None, signum: int | None, after: float | None) -> FakeScript:
        if after is not None:
            after = check_seconds("after", after, zero=True)
        return msgspec.structs.replace(self, code=code, signal=signum, after=after, endless=False)

    def runs_on(self) -> FakeScript:
        """Does not end by itself."""
        return msgspec.structs.replace(self, after=None, endless=True)

    def ignores(self, *signals: int) -> FakeScript:
        """Is not ended by these signals; SIGTERM if none is named. SIGKILL ends all."""
        numbers = {signal.Signals(one).value for one in signals or (signal.SIGTERM,)}
        return msgspec.structs.replace(self, ignored=self.ignored | numbers)

    def fails_to_start(
        self,
        errno: int,
        stage: Literal["cwd", "command", "interpreter", "exec", "keeper"] = "command",
    ) -> FakeScript:
        """Never runs.

        Args:
            errno: why not, as ``errno.ENOENT``.
            stage: what fails.
        """
        return msgspec.structs.replace(self, errno=errno, stage=stage)


def _time_of(printing: Printing) -> float:
    return printing.after
