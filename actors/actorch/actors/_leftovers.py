"""Processes that a run left behind when everything above them was killed at once.

They are told by their brand, by the words that every agent has in its environment, or, the leader,
by its number and its start time together; never by a number alone.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from typing import Final

import msgspec
import psutil

from ._brand import brand_of
from ._keeper.kin import Kin, children, look_up
from ._ledger import OpenAttempt

__all__ = ["Leftover", "Search"]

_WORDS: Final = (b"ACTORCH_RUN_ID", b"ACTORCH_AGENT", b"ACTORCH_ATTEMPT")
_PROC: Final = os.path.exists("/proc/self/stat")
_ENDED: Final = ("Z", "X")
_PATIENCE: Final = 5000
"""So many numbers given during one sweep, and it gives up overtaking those who take them."""


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


class Search:
    """Looks at all processes of the machine for those of some attempts, as often as it is asked.

    A process that forks and exits, again and again, may be another one by the time it is looked at.
    A sweep overtakes it: numbers are given in rising order, and a child has its number before its
    parent is gone. So after all that were listed, a sweep looks at the numbers that were given
    meanwhile, in that order, until all of them live that were given during the last such look.
    Whoever had hopped on from a number before the sweep came to it must be at one of these.

    Args:
        attempts: whose processes are looked for.

    Attributes:
        settled: whether the last sweep, if it found nobody, proves that there is nobody: it either
            overtook everybody, or none of those that it had heard of were gone when it came.
    """

    def __init__(self, attempts: Sequence[OpenAttempt]) -> None:
        self.attempts = list(attempts)
        self.settled = True
        self._unbranded = not all(one.brand for one in attempts)
        self._strangers = set[tuple[int, int]]()
        self._brands = {one.brand: one for one in attempts if one.brand}
        self._leaders = {(one.pid, one.start_time): one for one in attempts if one.start_time}
        self._words = {
            (one.run_id.encode(), os.fsencode(one.agent), b"%d" % one.number): one
            for one in attempts
        }
        self._spared = _ancestry()

    def sweep(self) -> Iterator[Leftover]:
        """Everybody, each at the moment of being found, so that it can be killed at once."""
        last, vanished = _newest(), False
        listed = {*psutil.pids()}
        for pid in listed - self._spared:
            kin = _kin(pid)
            vanished |= kin is None
            if found := self._judge(kin):
                yield found
        overtaken = yield from self._overtake(last, listed)
        self.settled = overtaken or not vanished

    def _overtake(self, last: int, listed: set[int]) -> Generator[Leftover, None, bool]:
        """Those whose numbers were given after `last`.

        Returns:
            whether all of them lived when they were looked at, in the end. One that had vanished
            may have had a child; its number was given before that look.
        """
        limit = last + _PATIENCE if last else 0
        while last <= (newest := _newest()) < limit:
            vanished = False
            for pid in range(last + 1, newest + 1):
                if pid in listed:
                    continue
                kin = look_up(pid) if _may_live(pid) else None
                vanished |= kin is None or kin.state in _ENDED
                if (found := self._judge(kin, self._unbranded)) and psutil.pid_exists(
                    pid
                ):  # else it is a thread
                    yield found
            if not vanished:
                return True
            last = newest
        return False

    def find(self) -> list[Leftover]:
        """Everybody, with their commands.

        Also those of an actorch that one of them runs. Its agents carry brands of their own; they
        are known by their parents, as long as these live.
        """
        found = list(self.sweep())
        while self._learn_inner_brands(found):
            found = list(self.sweep())
        return [msgspec.structs.replace(one, command=_command(one.pid)) for one in found]

    def _learn_inner_brands(self, found: Sequence[Leftover]) -> bool:
        known = len(self._brands)
        for one in found:
            below = children(one.pid)
            for pid in below:
                below += children(pid)
                if (brand := brand_of(pid)) and brand not in self._brands:
                    whose = {"brand": brand, "isolation": None, "pid": None, "cgroup": None}
                    self._brands[brand] = msgspec.structs.replace(one.attempt, **whose)
                    self.attempts.append(self._brands[brand])
        return len(self._brands) > known

    def _judge(self, kin: Kin | None, whole: bool = True) -> Leftover | None:
        """Whose it is; its environment, which is slow to read, belongs to the whole of it."""
        if kin is None or kin.state in _ENDED or (kin.pid, kin.start) in self._strangers:
            return None
        brand = brand_of(kin.pid)
        attempt, told_by = self._owner(kin, brand, whole)
        if attempt and not _has_left(kin, attempt):
            return Leftover(kin.pid, kin.start, attempt, told_by)
        if whole and not brand:  # nobody comes to carry one, but ours may yet be learnt
            self._strangers.add((kin.pid, kin.start))
        return None

    def _owner(self, kin: Kin, brand: int, whole: bool) -> tuple[OpenAttempt | None, str]:
        if found := self._brands.get(brand):
            return found, "brand"
        if kin.start and (found := self._leaders.get((kin.pid, kin.start))):
            return found, "start time"
        return self._words.get(_words(kin.pid)) if whole else None, "environment"

    def __repr__(self) -> str:
        return f"<Search for the processes of {len(self.attempts)} attempts>"


def _newest() -> int:
    """The number that was given last; 0 where nobody tells. proc_loadavg(5)."""
    with suppress(OSError, ValueError, IndexError), open("/proc/loadavg", "rb") as file:
        return int(file.read().split()[-1])
    return 0


def _may_live(pid: int) -> bool:
    """Cheap for numbers that are nobody's, which are most where processes come and go."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


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
    if _PROC:
        return look_up(pid)
    try:
        process = psutil.Process(pid)
        state = "Z" if process.status() == psutil.STATUS_ZOMBIE else "S"
        return Kin(pid, process.ppid(), 0, state, 0, int(process.create_time() * 1000))
    except psutil.Error:
        return None


def _words(pid: int) -> tuple[bytes, bytes, bytes]:
    """What its environment says of run, agent and attempt."""
    try:
        if _PROC:
            with open(f"/proc/{pid}/environ", "rb") as file:
                pairs = [line.partition(b"=") for line in file.read().split(b"\0")]
            found = {name: value for name, _, value in pairs}
        else:
            environment = psutil.Process(pid).environ()
            found = {os.fsencode(name): os.fsencode(it) for name, it in environment.items()}
    except (psutil.Error, OSError):
        return b"", b"", b""
    run_id, agent, number = (found.get(name, b"") for name in _WORDS)
    return run_id, agent, number


def _command(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        return " ".join(process.cmdline()) or f"[{process.name()}]"
    except (psutil.Error, OSError):
        return ""
