"""Waiting for the ends of several at once."""

from __future__ import annotations

from collections.abc import Sequence

from actorch.actors import Future
from actorch.actors._mortal import Mortal

__all__ = ["all_ended"]


def all_ended(mortals: Sequence[Mortal]) -> Future[None] | None:
    """A future that is done once all have ended; None if they have."""
    left = [one for one in mortals if one.reason is None]
    if not left:
        return None
    future = Future[None]()
    _after(left, future)
    return future


def _after(left: list[Mortal], future: Future[None]) -> None:
    while left:
        one = left.pop()
        if one.reason is None:
            one.when_ended(future, lambda _reason: _after(left, future))
            return
    future.set(None)
