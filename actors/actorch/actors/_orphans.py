"""What is left of a tree when the shim and the keeper above it were both killed."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress

import psutil

from ._brand import brands_stick
from ._keeper.kin import look_up
from ._ledger import OpenAttempt
from ._leftovers import Search
from ._process_events import Survivor
from ._reaper import kill_leftovers

__all__ = ["end_orphans"]

_BOUND = 3.0
"""Seconds of killing; the loop waits for it."""

_PATIENCE = 1.0
"""Seconds for processes to end after SIGKILL. It takes them a few milliseconds."""


def end_orphans(pid: int, start_time: int, brand: int = 0) -> tuple[int, tuple[Survivor, ...]]:
    """SIGKILL whoever carries the brand.

    Where there are no brands, a leader's group and its descendants, if that leader is still the one
    we know: best effort, since whoever made a session of its own and lost its parent is not found.

    Args:
        pid: of the leader.
        start_time: of the leader; nothing is done on a pid alone.
        brand: of its attempt; 0 for none.

    Returns:
        how many were killed, and which of them still live.
    """
    if brand and brands_stick():
        ended = kill_leftovers(Search([OpenAttempt("", "", 0, brand=brand)]), bound=_BOUND)
        return ended.killed, ended.survivors
    if not pid or not start_time:
        return 0, (Survivor(pid, "may live: when it started is not known"),)
    if not _is(pid, start_time):
        return 0, ()
    with suppress(psutil.Error, OSError):
        found = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        handles = {one.pid: os.pidfd_open(one.pid) for one in found if one.is_running()}
        try:
            return _kill(pid, start_time, handles)
        finally:
            for handle in handles.values():
                os.close(handle)
    return 0, (Survivor(pid, "not proven to be gone"),)


def _is(pid: int, start_time: int) -> bool:
    found = look_up(pid)
    return found is not None and found.start == start_time != 0


def _kill(
    leader: int, start_time: int, handles: dict[int, int]
) -> tuple[int, tuple[Survivor, ...]]:
    if _is(leader, start_time):
        os.killpg(leader, signal.SIGKILL)
    left: dict[int, int] = {}
    poller = select.poll()
    for pid, handle in handles.items():
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            left[handle] = pid
            poller.register(handle, select.POLLIN)
    killed = len(left)
    while left and (ended := poller.poll(_PATIENCE * 1000)):
        for handle, _events in ended:
            poller.unregister(handle)
            del left[handle]
    return killed - len(left), tuple(Survivor(pid, "not ended by SIGKILL") for pid in left.values())
