"""Signals to actorch: the first one stops politely, the second kills, the third exits at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Final, Self

from actorch.supervisors import Run

from ._cursor import SHOW
from ._exit_codes import SIGNALLED
from ._terminal import write_error

__all__ = ["Interrupts"]

_HANDLED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Handles signals while a run goes on. A signal that was ignored before stays ignored.

    Args:
        run: what is to be stopped.
        say: tells the user; called within a signal handler.
    """

    def __init__(self, run: Run, say: Callable[[str], object]) -> None:
        self.first: int | None = None
        self._run = run
        self._say = say
        self._count = 0
        self._before: dict[int, object] = {}

    @property
    def exit_code(self) -> int | None:
        """What the first signal asks for; None without one."""
        return None if self.first is None else SIGNALLED + self.first

    def __enter__(self) -> Self:
        for number in _HANDLED:
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:  # nohup, or a shell's background job
                self._before[number] = before
                signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before if callable(before) else signal.SIG_DFL)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self.first is None:
            self.first = number
            self._run.stop(reason="interrupted")
            again = "Ctrl-C again" if number == signal.SIGINT else "the same signal again"
            self._say(f"stopping every agent politely; {again} kills them")
        elif self._count == 2:
            self._run.kill()
            self._say("killing every agent; once more exits without waiting for their end")
        else:
            shown = f"{SHOW}\r\n" if os.isatty(2) else ""  # a live table hides the cursor
            write_error(f"{shown}actorch: exiting; what is left of the agents ends by itself\n")
            os._exit(SIGNALLED + self.first)

    def __repr__(self) -> str:
        return f"<Interrupts: {self._count} so far>"
