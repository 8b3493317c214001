"""Processes that a run left behind when everything above them was killed at once.

They are told by their brand, by the words that every agent has in its environment, or, the leader,
by its number and its start time together; never by a number alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import msgspec
import psutil

from ._brand import brand_of
from ._keeper.kin import Kin, children, look_up
from ._ledger import OpenAttempt

__all__ = ["Leftover", "Sweep", "find_leftovers", "with_inner_brands"]

_WORDS = ("ACTORCH_RUN_ID", "ACTORCH_AGENT", "ACTORCH_ATTEMPT")


class Leftover(msgspec.Struct, frozen=True):
    """One process that nobody owns any more.

    Attributes:
        pid: its number.
        start_time: in clock ticks since boot; 0 where the system does not tell.
        attempt: what it belongs to.
        told_by: "brand", "environment" or "start time".
        command: its words; "" where nobody asked for them.
    """

    pid: int
    start_time: int
    attempt: OpenAttempt
    told_by: str
    command: str = ""


class Sweep:
    """One look at all processes of the machine, the youngest first.

    A process that forks and exits, again and again, may be another one by the time it is looked at.
    So a sweep that finds nobody proves that there is nobody only if it is `settled`: none of those
    that it had heard of were gone before it came to them.

    Args:
        attempts: whose processes are looked for.
        strangers: numbers and start times of those that were seen to be others' before; added to.
            A process cannot come to carry a brand.
    """

    def __init__(
        self, attempts: Sequence[OpenAttempt], strangers: set[tuple[int, int]] | None = None
    ) -> None:
        self.settled = True
        self._strangers = set[tuple[int, int]]() if strangers is None else strangers
        self._brands = {one.brand: one for one in attempts if one.brand}
        self._leaders = {(one.pid, one.start_time): one for one in attempts if one.start_time}
        self._words = {(one.run_id, one.agent, str(one.number)): one for one in attempts}
        self._spared = _ancestry()

    def __iter__(self) -> Iterator[Leftover]:
        """Each at the moment it is found, so that it can be killed at once."""
        for pid in sorted(psutil.pids(), reverse=True):
            if pid not in self._spared and (found := self._look_at(pid)):
                yield found

    def _look_at(self, pid: int) -> Leftover | None:
        kin = _kin(pid)
        if kin is None:
            self.settled = False
            return None
        if kin.state in ("Z", "X") or (pid, kin.start) in self._strangers:
            return None
        attempt, told_by = self._owner(kin)
        if attempt is None or _has_left(kin, attempt):
            self._strangers.add((pid, kin.start))
            return None
        return Leftover(pid, kin.start, attempt, told_by)

    def _owner(self, kin: Kin) -> tuple[OpenAttempt | None, str]:
        if found := self._brands.get(brand_of(kin.pid)):
            return found, "brand"
        if kin.start and (found := self._leaders.get((kin.pid, kin.start))):
            return found, "start time"
        environment = _environment(kin.pid)
        words = tuple(environment.get(name, "") for name in _WORDS)
        return self._words.get((words[0], words[1], words[2])), "environment"


def find_leftovers(attempts: Sequence[OpenAttempt]) -> list[Leftover]:
    """The processes of these attempts that there are now, with their commands."""
    found = list(Sweep(with_inner_brands(attempts)))
    return [msgspec.structs.replace(one, command=_command(one.pid)) for one in found]


def with_inner_brands(attempts: Sequence[OpenAttempt]) -> list[OpenAttempt]:
    """These attempts, and those of an actorch that one of their processes runs.

    Its agents carry brands of their own. They are known by their parents, as long as these live.
    """
    known = {one.brand for one in attempts}
    inner: list[OpenAttempt] = []
    for one in Sweep(attempts):
        below = children(one.pid)
        for pid in below:
            below += children(pid)
            if (brand := brand_of(pid)) and brand not in known:
                known.add(brand)
                whose = {"brand": brand, "isolation": None, "pid": None, "cgroup": None}
                inner.append(msgspec.structs.replace(one.attempt, **whose))
    return [*attempts, *inner]


def _ancestry() -> set[int]:
    """This process and those above it: whoever asks is not to be ended for it."""
    try:
        here = psutil.Process()
        return {here.pid, *(parent.pid for parent in here.parents())}
    except psutil.Error:
        return {os.getpid()}


def _has_left(kin: Kin, attempt: OpenAttempt) -> bool:
    """Whether its isolation lets it live, since it made a session of its own."""
    return attempt.isolation == "session" and kin.session not in (0, attempt.pid)


def _kin(pid: int) -> Kin | None:
    if os.path.exists("/proc/self/stat"):
        return look_up(pid)
    try:
        process = psutil.Process(pid)
        state = "Z" if process.status() == psutil.STATUS_ZOMBIE else "S"
        return Kin(pid, process.ppid(), 0, state, 0, int(process.create_time() * 1000))
    except psutil.Error:
        return None


def _environment(pid: int) -> dict[str, str]:
    try:
        return psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return {}


def _command(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        return " ".join(process.cmdline()) or f"[{process.name()}]"
    except (psutil.Error, OSError):
        return ""
