"""The cursor of a terminal while a live table hides it: whoever gets the terminal back sees it."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Final, Self

from ._terminal import write_error

__all__ = ["HIDE", "SHOW", "HiddenCursor"]

SHOW: Final = "\x1b[?25h"
HIDE: Final = "\x1b[?25l"
_HANDLED: Final[tuple[signal.Signals, ...]] = (signal.SIGTSTP, signal.SIGQUIT)


class HiddenCursor:
    r"""Shows it when Ctrl-Z stops this process, or Ctrl-\ ends it; hides it again after the stop.

    Args:
        hidden: whether there is a live table at all; without, nothing is handled.
    """

    def __init__(self, hidden: bool) -> None:
        self._handled = _HANDLED if hidden else ()

    def __enter__(self) -> Self:
        self._handled = tuple(
            number for number in self._handled if signal.getsignal(number) is signal.SIG_DFL
        )
        for number in self._handled:
            signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for number in self._handled:
            signal.signal(number, signal.SIG_DFL)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        write_error(SHOW)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # returns when the process is continued
        signal.signal(number, self._handle)
        write_error(HIDE)

    def __repr__(self) -> str:
        return f"<HiddenCursor, {len(self._handled)} signals handled>"
