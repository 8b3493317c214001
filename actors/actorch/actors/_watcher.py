"""What hears of the ends of others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ._mailbox import Mailbox
from ._mortal import Mortal
from ._notices import Death
from ._reasons import ExitReason, Terminated

if TYPE_CHECKING:
    from ._ref import ActorRef

__all__ = ["Watcher"]

_THE_USUAL: Final = object()
"""For the `Terminated` that a watcher hears of unless it asked for another message."""


class Watcher(Mortal):
    """Watches, and may be watched.

    Attributes:
        mailbox: where the news arrives, on the system lane.
    """

    __slots__ = ("_watched", "mailbox")

    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__()
        self.mailbox = mailbox
        self._watched: dict[ActorRef[Any], object] = {}

    def watch(self, ref: ActorRef[Any], message: object = None) -> None:
        """Have the actor receive one `Terminated`, or `message`, when `ref` has ended."""
        known = ref in self._watched
        self._watched[ref] = _THE_USUAL if message is None else message
        if not known:
            ref.cell.when_ended(self, partial(self._hear_of, ref))

    def _hear_of(self, ref: ActorRef[Any], reason: ExitReason) -> None:
        self.mailbox.offer_urgent(Death(Terminated(ref, reason)))

    def mourned(self, terminated: Terminated) -> object:
        """What to tell the actor of that end; None if it does not watch any more."""
        wish = self._watched.pop(terminated.ref, None)
        return terminated if wish is _THE_USUAL else wish

    def unwatch(self, ref: ActorRef[Any]) -> None:
        """Have it not receive that."""
        self._watched.pop(ref, None)
        ref.cell.no_longer(self)

    def unwatch_all(self) -> None:
        """Have it receive nothing any more."""
        for ref in list(self._watched):
            self.unwatch(ref)
