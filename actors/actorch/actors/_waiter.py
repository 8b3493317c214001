"""What waits for a handler's coroutine before it goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from ._mailbox import Mailbox
from ._pending import Pending
from ._reasons import ExitReason
from ._report import report
from ._watcher import Watcher

if TYPE_CHECKING:
    from ._dispatcher import Dispatcher

__all__ = ["Waiter"]

_log = logging.getLogger("actorch.actor")


class Waiter(Watcher):
    """Handles one thing at a time, also where that takes an ``await``.

    Attributes:
        dispatcher: what runs it.
        pending: what must be over before anything else happens; None if it waits for nothing.
        verdict: the reason for which it is going to end before its next message, if it is.
    """

    __slots__ = ("dispatcher", "pending", "verdict")

    def __init__(self, mailbox: Mailbox, dispatcher: Dispatcher) -> None:
        super().__init__(mailbox)
        self.dispatcher = dispatcher
        self.pending: Pending | None = None
        self.verdict: ExitReason | None = None

    def enqueue(self) -> None:
        """Have it go on soon."""
        raise NotImplementedError

    def park(
        self,
        coroutine: Coroutine[Any, Any, Any],
        then: Callable[[Any], object] | None = None,
        on_error: Callable[[BaseException], object] | None = None,
    ) -> None:
        """Handle nothing more until a handler's coroutine is over.

        Args:
            coroutine: to be run on the dispatcher's event loop.
            then: called with what it returns.
            on_error: called with what it raises; raises it, if the actor is to end.
        """
        loop = self.dispatcher.coroutines
        self.wait_for(Pending(coroutine, loop, then or _drop, on_error or _raise))

    def wait_for(self, pending: Pending) -> None:
        """Do nothing before that is over."""
        self.pending = pending
        pending.on_done(self.enqueue)

    def resume(self, pending: Pending) -> None:
        """Go on if that is over; cut it short if there is a verdict."""
        if not pending.done:
            if self.verdict is not None:
                pending.cancel()
            return
        self.pending = None
        try:
            pending.finish()
        except BaseException as error:
            if self.verdict is None or (isinstance(error, Exception) and not pending.cancelled):
                raise
            if isinstance(error, Exception):  # else it was only cut short
                report(_log, error, "%s raised when it was killed", self.mailbox.name)


def _drop(_value: object) -> None:
    """Nobody waits for the answer."""


def _raise(error: BaseException) -> None:
    raise error
