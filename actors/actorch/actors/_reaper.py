"""Ending what nobody owns any more."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from ._brand import brand_of
from ._clock import Clock, SystemClock
from ._keeper.kin import Kin, look_up, send_signal
from ._ledger import OpenAttempt
from ._leftovers import Leftover, Sweep, with_inner_brands
from ._process_events import Survivor

__all__ = ["Collected", "end_leftovers", "kill_leftovers"]

GRACE: Final = 1.0
"""Seconds between SIGTERM and SIGKILL."""
BOUND: Final = 10.0
"""Seconds of killing until what is left is reported as surviving."""
SWEEPS: Final = 15
"""So many unsettled sweeps in a row that find nobody, with a chase after each, are as good as a
settled one."""

_CHASE: Final = 0.03
"""Seconds of looking at the youngest processes again and again, after an unsettled sweep."""
_YOUNGEST: Final = 40
_PAUSE: Final = 0.1


class Collected(msgspec.Struct, frozen=True):
    """What became of leftovers.

    Attributes:
        killed: how many were ended, politely or not.
        survivors: those that not even SIGKILL ended.
    """

    killed: int
    survivors: tuple[Survivor, ...] = ()


def end_leftovers(attempts: Sequence[OpenAttempt]) -> Collected:
    """End all processes of these attempts: SIGTERM, one second, and SIGKILL until none is left.

    Blocks for 11 seconds at most.
    """
    attempts = with_inner_brands(attempts)
    polite = list(Sweep(attempts))
    for one in polite:
        _signal(one, signal.SIGTERM)
    _wait_for(polite, SystemClock(), GRACE)
    return kill_leftovers(attempts, polite)


def kill_leftovers(
    attempts: Sequence[OpenAttempt], known: Sequence[Leftover] = (), bound: float = BOUND
) -> Collected:
    """SIGKILL all processes of these attempts until a look at the whole machine finds none.

    Args:
        attempts: whose processes.
        known: those that count as ended if they are gone by now.
        bound: seconds it may take; it blocks for as long.
    """
    _kill_groups(attempts)
    clock = SystemClock()
    ended, strangers = {(one.pid, one.start_time) for one in known}, set[tuple[int, int]]()
    deadline, idle = clock.now() + bound, 0
    alive: list[Leftover] = []
    while clock.now() < deadline:
        alive, refused, settled = _strike(attempts, strangers)
        ended |= {(one.pid, one.start_time) for one in alive}
        if alive and refused == len(alive):
            break
        if not alive and not settled:
            alive = _chase(attempts, clock)
        _wait_for(alive, clock, _PAUSE)
        idle = 0 if alive else idle + 1
        if idle >= (2 if settled else SWEEPS):
            return Collected(len(ended))
    left = tuple(Survivor(one.pid, _why(one)) for one in alive)
    return Collected(len(ended) - len(left), left)


def _kill_groups(attempts: Sequence[OpenAttempt]) -> None:
    """Where there is a cgroup, everybody in it at once; its name is of one attempt alone."""
    for one in attempts:
        if one.cgroup and one.isolation != "session":
            with suppress(OSError), open(f"{one.cgroup}/cgroup.kill", "w") as file:
                file.write("1")


def _strike(
    attempts: Sequence[OpenAttempt], strangers: set[tuple[int, int]]
) -> tuple[list[Leftover], int, bool]:
    """Kill each at the moment it is found.

    Returns:
        all of them, how many may not be killed, and whether the sweep was settled.
    """
    sweep, struck, refused = Sweep(attempts, strangers), list[Leftover](), 0
    for one in sweep:
        refused += not _signal(one, signal.SIGKILL)
        struck.append(one)
    return struck, refused, sweep.settled


def _chase(attempts: Sequence[OpenAttempt], clock: Clock) -> list[Leftover]:
    """Kill who hops from pid to pid: always among the youngest, and gone when a sweep comes by."""
    brands = {one.brand: one for one in attempts if one.brand}
    struck: list[Leftover] = []
    deadline = clock.now() + _CHASE
    while clock.now() < deadline:
        last = _youngest()
        for pid in range(last, max(0, last - _YOUNGEST), -1):
            attempt = brands.get(brand_of(pid))
            kin = look_up(pid) if attempt else None
            if attempt and kin and kin.state not in ("Z", "X") and attempt.isolation != "session":
                struck.append(Leftover(pid, kin.start, attempt, "brand"))
                _signal(struck[-1], signal.SIGKILL)
    return struck


def _youngest() -> int:
    """The number that was given last; 0 where nobody tells. proc_loadavg(5)."""
    with suppress(OSError, ValueError, IndexError), open("/proc/loadavg", "rb") as file:
        return int(file.read().split()[-1])
    return 0


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
