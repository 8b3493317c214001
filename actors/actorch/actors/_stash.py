"""The mailbox of a supervised actor: it stays open between two incarnations, up to a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._errors import MailboxFullError
from ._mailbox import Ask, Awaited, Mailbox

if TYPE_CHECKING:
    from ._cell import Cell

__all__ = ["StashingMailbox"]


class StashingMailbox(Mailbox):
    """Keeps what is sent while nobody handles it, for the next incarnation.

    Args:
        bound: how many messages may come meanwhile, besides those that were here before.

    Attributes:
        suspended: whether nobody handles what comes.
    """

    __slots__ = ("_bound", "_most", "suspended")

    def __init__(self, bound: int) -> None:
        super().__init__(0)
        self._bound = self._most = bound
        self.suspended = True

    def admit(self, item: object) -> None:
        """Take in what a user sent; what is too much meanwhile becomes a dead letter.

        Raises:
            ActorDeadError: the actor has ended for good.
            MailboxFullError: it runs, and has too many waiting.
        """
        if self.suspended and not self.closed and len(self.lane) >= self._most:
            self._overflow(item)
        else:
            super().admit(item)

    def _overflow(self, item: object) -> None:
        if isinstance(item, Ask):
            text = f"{self.name} is not running, and has {len(self.lane)} messages waiting"
            error = MailboxFullError(text)
            item.future.set_exception((type(error), error, None))
            item = item.message
        elif isinstance(item, Awaited):
            item.refuse(self.name)
            return
        self.bury(item, "stash full")

    def suspend(self) -> None:
        """From now on keep what comes, up to the bound."""
        if not self.suspended:
            self._most = len(self.lane) + self._bound
            self.suspended = True

    def resume(self, owner: Cell, capacity: int) -> None:
        """Have a new incarnation handle what is here, and what comes."""
        self.capacity = capacity
        self.owner = owner
        self.scheduled = True
        self.suspended = False
