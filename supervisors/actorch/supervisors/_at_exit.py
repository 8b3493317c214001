"""Systems that are open when the program ends.

Whoever forgets to close one loses no history: agents are stopped, and what they did is written,
before the interpreter goes. Nothing is registered before there is a system.
"""

from __future__ import annotations

import atexit
import weakref
from typing import Protocol

__all__ = ["close_at_exit"]


class Closable(Protocol):
    """What there is to close."""

    def close_at_exit(self, timeout: float) -> None:
        """Close it in bounded time, without a new thread: Python may have none to give by now."""
        ...


_open: weakref.WeakKeyDictionary[Closable, float] = weakref.WeakKeyDictionary()
_registered: list[bool] = []


def close_at_exit(system: Closable, timeout: float) -> None:
    """Have a system closed if it is still open when the program ends; it is held weakly.

    Args:
        system: what to close.
        timeout: seconds that its agents have to stop in.
    """
    _open[system] = timeout
    if not _registered:
        _registered.append(True)
        atexit.register(_close_all)


def _close_all() -> None:
    for system, timeout in list(_open.items()):
        system.close_at_exit(timeout)
