"""Systems that are open when the program ends.

Whoever forgets to close one loses no history: agents are stopped, and what they did is written,
before the interpreter goes. Nothing is registered before there is a system.
"""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["call_at_exit"]

Close: TypeAlias = Callable[[float], object]

_open: list[tuple[weakref.WeakMethod[Close], float]] = []
_registered: list[bool] = []


def call_at_exit(close: Close, timeout: float) -> None:
    """Have a method called if its object is still there when the program ends; it is held weakly.

    Args:
        close: closes a system, if it is open, in bounded time, and without a new thread: Python may
            have none to give by then.
        timeout: what to call it with: seconds that agents have to stop in.
    """
    _open[:] = [entry for entry in _open if entry[0]() is not None]
    _open.append((weakref.WeakMethod(close), timeout))
    if not _registered:
        _registered.append(True)
        atexit.register(_close_all)


def _close_all() -> None:
    for reference, timeout in _open:
        if (close := reference()) is not None:
            close(timeout)
