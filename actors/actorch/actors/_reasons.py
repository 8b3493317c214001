"""Why an actor ended, and the message that tells its watchers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

if TYPE_CHECKING:
    from ._ref import ActorRef

__all__ = [
    "Crashed",
    "ExitReason",
    "Killed",
    "Normal",
    "Shutdown",
    "StartFailed",
    "Terminated",
]


class ExitReason(msgspec.Struct, frozen=True):
    """The root of all reasons.

    Attributes:
        abnormal: whether this end is a failure, which a supervisor may answer with a restart.
    """

    abnormal: ClassVar[bool] = False


class Normal(ExitReason, frozen=True):
    """It was asked to stop, by itself or by another, and handled its backlog first."""


class Shutdown(ExitReason, frozen=True):
    """It was stopped because the system, or whoever started it, ends."""


class Killed(ExitReason, frozen=True):
    """It was ended without handling its backlog; `on_stop` ran."""

    abnormal = True


class Crashed(ExitReason, frozen=True):
    """It raised. Its `on_failure` ran, or it was its `on_stop` that raised."""

    exception: BaseException

    abnormal = True


class StartFailed(ExitReason, frozen=True):
    """Its `__init__` or `on_start` raised; it never handled a message."""

    exception: BaseException

    abnormal = True


class Terminated(msgspec.Struct, frozen=True):
    """Sent once to whoever watches an actor, after that actor's cleanup has run.

    Attributes:
        ref: the actor that ended.
        reason: why.
    """

    ref: ActorRef[Any]
    reason: ExitReason
