"""Ending what nobody owns any more."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from ._clock import Clock, SystemClock
from ._keeper.kin import Kin, look_up, send_signal
from ._ledger import OpenAttempt
from ._leftovers import Leftover, Search
from ._process_events import Survivor

__all__ = ["Collected", "end_leftovers", "kill_leftovers"]

GRACE: Final = 1.0
"""Seconds between SIGTERM and SIGKILL."""
BOUND: Final = 10.0
"""Seconds of killing until what is left is reported as surviving."""
SWEEPS: Final = 15
"""So many unsettled sweeps in a row that find nobody are as good as a settled one."""

_PAUSE: Final = 0.1


class Collected(msgspec.Struct, frozen=True):
    """What became of leftovers.

    Attributes:
        leftovers: whoever was there before anything was done.
        killed: how many were ended, politely or not.
        survivors: those that not even SIGKILL ended.
    """

    leftovers: tuple[Leftover, ...]
    killed: int
    survivors: tuple[Survivor, ...] = ()


def end_leftovers(attempts: Sequence[OpenAttempt]) -> Collected:
    """End all processes of these attempts: SIGTERM, one second, and SIGKILL until none is left.

    Blocks for 11 seconds at most.
    """
    search = Search(attempts)
    polite = search.find()
    for one in polite:
        _signal(one, signal.SIGTERM)
    _wait_for(polite, SystemClock(), GRACE)
    return kill_leftovers(search, polite)


def kill_leftovers(
    search: Search, known: Sequence[Leftover] = (), bound: float = BOUND
) -> Collected:
    """SIGKILL whoever is searched for until a look at the whole machine finds none.

    Args:
        search: for the processes.
        known: those that count as ended if they are gone by now.
        bound: seconds it may take; it blocks for as long.
    """
    _kill_groups(search.attempts)
    clock = SystemClock()
    ended = {(one.pid, one.start_time) for one in known}
    deadline, idle = clock.now() + bound, 0
    alive: list[Leftover] = []
    while clock.now() < deadline:
        alive, refused = _strike(search)
        ended |= {(one.pid, one.start_time) for one in alive}
        if alive and refused == len(alive):
            break
        _wait_for(alive, clock, _PAUSE)
        idle = 0 if alive else idle + 1
        if idle >= (2 if search.settled else SWEEPS):
            return Collected(tuple(known), len(ended))
    left = tuple(Survivor(one.pid, _why(one)) for one in alive)
    return Collected(tuple(known), len(ended) - len(left), left)


def _kill_groups(attempts: Sequence[OpenAttempt]) -> None:
    """Where there is a cgroup, everybody in it at once; its name is of one attempt alone."""
    for one in attempts:
        if one.cgroup and one.isolation != "session":
            with suppress(OSError), open(f"{one.cgroup}/cgroup.kill", "w") as file:
                file.write("1")


def _strike(search: Search) -> tuple[list[Leftover], int]:
    """Kill each at the moment it is found. Returns all of them, and how many may not be killed."""
    struck, refused = list[Leftover](), 0
    for one in search.sweep():
        refused += not _signal(one, signal.SIGKILL)
        struck.append(one)
    return struck, refused


def _signal(one: Leftover, signum: int) -> bool:
    return send_signal(Kin(one.pid, 0, 0, "", 0, one.start_time), signum)


def _wait_for(leftovers: Sequence[Leftover], clock: Clock, seconds: float) -> None:
    """Until all of them have ended, or the time is over."""
    if not leftovers:
        return
    deadline = clock.now() + seconds
    poller, handles = select.poll(), list[int]()
    try:
        for one in leftovers:
            with suppress(OSError, AttributeError):
                handles.append(os.pidfd_open(one.pid))
                poller.register(handles[-1], select.POLLIN)
        left = len(handles) or 1  # without handles, only the time can be waited for
        while left and (rest := deadline - clock.now()) > 0:
            for handle, _events in poller.poll(rest * 1000):
                poller.unregister(handle)
                left -= 1
    finally:
        for handle in handles:
            os.close(handle)


def _why(one: Leftover) -> str:
    """Why it still lives."""
    if not _signal(one, signal.SIGKILL):
        return "not permitted"
    found = look_up(one.pid)
    return f"in state {found.state}" if found else "not proven to be gone"
