"""The limits of an attempt that goes on: how long until they have to be looked at again."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import psutil

from ._attempt import Attempt
from ._clock import Clock
from ._keeper.kin import children
from ._messages import StopReason
from ._spec import AgentSpec

__all__ = ["MEMORY_LOOK", "seconds_left", "tree_memory"]

MEMORY_LOOK: Final = 0.5
"""Seconds between two looks at the memory of a tree."""


def seconds_left(
    spec: AgentSpec, attempt: Attempt, reason: StopReason, clock: Clock
) -> float | None:
    """Seconds until this limit has to be looked at again; None if it is reached.

    Args:
        spec: the agent's.
        attempt: the one that goes on.
        reason: which limit.
        clock: what time it is.
    """
    if reason is StopReason.IDLE:
        left = (spec.idle_timeout or 0.0) - attempt.silence(clock)
        return left if left > 0 else None
    if reason is StopReason.MEMORY:
        return MEMORY_LOOK if tree_memory(attempt) <= (spec.memory_max or 0) else None
    return None


def tree_memory(attempt: Attempt) -> int:
    """Bytes that the attempt's processes have resident together; what they share counts for each.

    Under a subreaper, they are the descendants of the shim; elsewhere, those of the leader.
    """
    if attempt.pid is None:
        return 0
    pids = [attempt.pid]
    with suppress(psutil.Error):
        if attempt.shim:
            pids = children(attempt.shim)
            for pid in pids:
                pids += children(pid)
        else:
            pids += [one.pid for one in psutil.Process(attempt.pid).children(recursive=True)]
    return sum(map(_resident, pids))


def _resident(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
