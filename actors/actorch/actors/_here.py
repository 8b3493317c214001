"""What the current thread is to the actors: a dispatcher's loop, one actor's own, or neither."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Protocol

from ._errors import WouldBlockError

if TYPE_CHECKING:
    from ._cell import Cell

__all__ = ["here", "in_asyncio", "refuse_to_block", "refuse_to_wait"]


class Named(Protocol):
    """A loop, of whatever kind."""

    @property
    def name(self) -> str:
        """Shown in errors."""
        ...


class _Here(threading.local):
    loop: Named | None = None
    cell: Cell | None = None


here = _Here()
"""`loop` on the thread of a dispatcher; `cell` on the thread of a blocking actor."""


def refuse_to_wait(what: str) -> None:
    """Raise rather than let a loop wait for what only a running loop can bring.

    Raises:
        WouldBlockError: this is the thread of a dispatcher.
    """
    if here.loop is not None:
        raise WouldBlockError(
            f"{what} would block the dispatcher {here.loop.name!r} on its own thread: "
            "tell instead, await or add a callback to the future, or make this actor "
            "`blocking = True`"
        )


def refuse_to_block(what: str) -> None:
    """Raise rather than block any loop, be it a dispatcher's or asyncio's.

    Raises:
        WouldBlockError: one runs on this thread.
    """
    refuse_to_wait(what)
    if in_asyncio():
        raise WouldBlockError(
            f"{what} would block the asyncio event loop of this thread: await what the same "
            "returns without waiting, see block=False and supervise_soon"
        )


def in_asyncio() -> bool:
    """Whether an asyncio event loop runs on this thread, which must not be blocked."""
    asyncio = sys.modules.get("asyncio")  # if nobody has imported it, none runs
    running = getattr(asyncio, "_get_running_loop", None)  # a thread may be importing it
    return running is not None and running() is not None


def _forget() -> None:
    """A child forked by a handler is nobody's loop, though its only thread once was."""
    here.loop = None
    here.cell = None


os.register_at_fork(after_in_child=_forget)
