"""What is left of a tree when the shim and the keeper above it were both killed."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress

import psutil

from ._keeper.kin import look_up
from ._process_events import Survivor

__all__ = ["end_orphans"]

_PATIENCE = 1.0
"""Seconds for processes to end after SIGKILL. It takes them a few milliseconds."""


def end_orphans(pid: int, start_time: int) -> tuple[int, tuple[Survivor, ...]]:
    """SIGKILL a leader's group and descendants, if that leader is still the one we know.

    Best effort: whoever made a session of its own, and lost its parent, is not found any more.

    Args:
        pid: of the leader.
        start_time: of the leader; nothing is done on a pid alone.

    Returns:
        how many were killed, and which of them still live.
    """
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
