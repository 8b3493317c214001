"""What a supervisor tells of its children."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from actorch.actors import ActorRef, ExitReason

from ._child import ChildKind

__all__ = ["ChildCounts", "ChildInfo", "ChildState"]

ChildState: TypeAlias = Literal["ended", "waiting", "starting", "running", "stopping"]
"""ended: for good, unless somebody restarts it; waiting: for its turn, or for a backoff to be
over."""


class ChildInfo(msgspec.Struct, frozen=True):
    """One child as it is now.

    Attributes:
        id: as in its spec.
        kind: "actor", "agent", "supervisor", or "factory".
        state: "ended", "waiting", "starting", "running" or "stopping".
        ref: what to speak to it by, whatever the incarnation; None if it has ended.
        incarnation: how often it was started.
        restarts: how many of its budget are spent.
        last_exit: why its last incarnation ended; None if none has.
        due: when its backoff is over, by the clock of the supervisor's dispatcher; None if it is
            not waiting for that.
    """

    id: str
    kind: ChildKind
    state: ChildState
    ref: ActorRef[Any] | None
    incarnation: int
    restarts: int
    last_exit: ExitReason | None
    due: float | None

    def __repr__(self) -> str:
        return f"<ChildInfo {self.id}: {self.state}, incarnation {self.incarnation}>"


class ChildCounts(msgspec.Struct, frozen=True):
    """How many children there are. The terms are OTP's.

    Attributes:
        specs: all.
        active: those that run, are starting, or are stopping.
        supervisors: those that are supervisors.
        workers: the others.
    """

    specs: int
    active: int
    supervisors: int
    workers: int
