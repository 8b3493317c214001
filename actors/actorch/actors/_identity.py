"""Who a process is: a number alone says nothing, since numbers are used again."""

from __future__ import annotations

import os
from functools import cache

import msgspec
import psutil

from ._keeper.kin import look_up

__all__ = [
    "Identity",
    "boot_id",
    "is_alive",
    "is_out_of_sight",
    "own_identity",
    "pid_namespace",
    "start_time",
]


class Identity(msgspec.Struct, frozen=True):
    """One process of one boot of the machine.

    Attributes:
        pid: its number.
        start_time: when it started, in clock ticks since boot (milliseconds without /proc).
        boot_id: the boot it belongs to.
        pid_namespace: the one that `pid` is a number of; 0 where nobody knows.
    """

    pid: int
    start_time: int
    boot_id: str
    pid_namespace: int = 0


@cache
def boot_id() -> str:
    """The kernel's name for this boot; the boot time where it has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return str(int(psutil.boot_time()))


def pid_namespace() -> int:
    """The number of this process's pid namespace; 0 where there are none. pid_namespaces(7)."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


def start_time(pid: int) -> int:
    """When a process started; 0 if there is none of that number. proc_pid_stat(5), field 22."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        pass
    try:
        return int(psutil.Process(pid).create_time() * 1000)
    except psutil.Error:
        return 0


def own_identity() -> Identity:
    """This process."""
    pid = os.getpid()
    return Identity(pid, start_time(pid), boot_id(), pid_namespace())


def is_out_of_sight(who: Identity) -> bool:
    """Whether its number is one of another pid namespace, so that nobody here can look it up."""
    return who.boot_id == boot_id() and who.pid_namespace not in (0, pid_namespace())


def is_alive(who: Identity) -> bool:
    """Whether that very process still runs, or may, out of our sight in another pid namespace."""
    if who.boot_id != boot_id() or not who.pid:
        return False
    if is_out_of_sight(who):
        return True
    found = look_up(who.pid)
    if found is not None and found.state in ("Z", "X"):
        return False  # it has ended, only nobody has waited for it yet
    return start_time(who.pid) == who.start_time
