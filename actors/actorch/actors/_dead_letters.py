"""Messages that were sent, and that nobody is going to handle."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

__all__ = ["DeadLetter", "LetterReason"]

LetterReason: TypeAlias = Literal["ended", "stash full", "not understood"]


class DeadLetter(msgspec.Struct, frozen=True):
    """Signal `dead_letter`: a message was told, and nobody is going to handle it.

    What was told to an actor that had ended already is none: that raises `ActorDeadError`.

    Attributes:
        recipient: the actor it was for, by class and URN.
        urn: the URN alone.
        message: what was told or asked.
        reason: "ended" (the actor ended first), "stash full" (too many came while a supervised
            actor was not running), or "not understood" (an agent has no use for it).
    """

    recipient: str
    urn: str
    message: object
    reason: LetterReason
