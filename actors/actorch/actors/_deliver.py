"""Telling somebody who may be gone."""

from __future__ import annotations

from typing import Protocol

import pykka

__all__ = ["Addressee", "deliver"]


class Addressee(Protocol):
    """Whoever can be told something: an `ActorRef`."""

    def tell(self, message: object) -> None:
        """Put a message into the mailbox."""
        ...


def deliver(to: Addressee, message: object) -> bool:
    """Tell, unless the actor is gone; its watchers know that already.

    Returns:
        whether the message is in the mailbox.
    """
    try:
        to.tell(message)
    except pykka.ActorDeadError:
        return False
    return True
