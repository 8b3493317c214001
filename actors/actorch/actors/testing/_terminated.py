"""Holding an actor to its end."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from .._here import refuse_to_wait
from .._reasons import ExitReason
from .._ref import ActorRef
from .._shown import one_line

__all__ = ["assert_terminated"]

R = TypeVar("R", bound=ExitReason)


@overload
def assert_terminated(ref: ActorRef[Any], reason: type[R] | R, *, timeout: float = 10.0) -> R: ...


@overload
def assert_terminated(
    ref: ActorRef[Any], reason: None = None, *, timeout: float = 10.0
) -> ExitReason: ...


def assert_terminated(
    ref: ActorRef[Any],
    reason: type[ExitReason] | ExitReason | None = None,
    *,
    timeout: float = 10.0,
) -> ExitReason:
    """Wait until an actor has ended and its cleanup has run, and see whether it was for that.

    As in::

        error = assert_terminated(ref, Crashed).exception

    Args:
        ref: the actor's. One that a supervisor may start again has not ended.
        reason: a class of reasons, or the very reason; None if any will do.
        timeout: real seconds to wait at most.

    Returns:
        why it ended.

    Raises:
        AssertionError: it has not ended in time, or it was for another reason.
        WouldBlockError: called on a dispatcher's own thread.
    """
    refuse_to_wait(f"assert_terminated of {ref}")
    ref.actor_stopped.wait(timeout)
    why = ref.cell.reason
    if why is None:
        raise AssertionError(f"{ref} has not ended within {timeout:g} s: {ref.cell.state}")
    if not _is_meant(why, reason):
        wanted = reason.__name__ if isinstance(reason, type) else repr(reason)
        raise AssertionError(one_line(f"{ref} ended with {why!r}, not with {wanted}", 500))
    return why


def _is_meant(why: ExitReason, reason: type[ExitReason] | ExitReason | None) -> bool:
    if isinstance(reason, type):
        return isinstance(why, reason)
    return reason is None or why == reason
