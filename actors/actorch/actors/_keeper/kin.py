"""Processes as the kernel shows them: who descends from this one, and how to signal them safely."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
else:
    import _signal as signal  # see __init__

_PR_SET_CHILD_SUBREAPER = 36
_subreaper = False
_prctl: Callable[..., int] | None = None


class Kin:
    """One process. `start` is its start time in clock ticks since boot, 0 where nobody knows."""

    __slots__ = ("group", "parent", "pid", "start", "state")

    def __init__(self, pid: int, parent: int, group: int, state: str, start: int = 0) -> None:
        self.pid = pid
        self.parent = parent
        self.group = group
        self.state = state
        self.start = start


def become_subreaper() -> bool:
    """Have every descendant whose parent dies become a child of this process.

    A fork does not inherit this.

    Returns:
        whether that is so. Never on macOS.
    """
    global _prctl, _subreaper
    if sys.platform == "linux" and _prctl is None:
        try:
            import ctypes  # slow, and of no use to an app that imports this

            _prctl = ctypes.CDLL(None).prctl
        except (ImportError, AttributeError, OSError):
            return False
    _subreaper = _prctl is not None and _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    return _subreaper


def is_subreaper() -> bool:
    """Whether having no children left proves that there are no descendants left."""
    return _subreaper


def look_up(pid: int) -> Kin | None:
    """What /proc says of one process; None if there is none."""
    try:
        words = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return None
    return Kin(pid, int(words[1]), int(words[2]), words[0].decode(), int(words[19]))


def children(pid: int) -> list[int]:
    """Its children. Exact for this process, since nobody else can reap them."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _read(f"/proc/{pid}/task/{task}/children").split())
    except OSError:  # it is gone, or this kernel keeps no such lists
        if not os.path.exists("/proc/thread-self/children"):
            return [one.pid for one in _everybody() if one.parent == pid]
    return found


def descendants(group: int = 0) -> list[Kin]:
    """The living ones of this process; without a subreaper, the members of `group` as well."""
    if _subreaper:
        pids = children(os.getpid())
        for pid in pids:
            pids += children(pid)
        found = [one for pid in pids if (one := look_up(pid))]
    else:
        table, here = _everybody(), os.getpid()
        found = [one for one in table if one.parent == here or one.group == group]
        for parent in found:
            found += [one for one in table if one.parent == parent.pid and one not in found]
    return [one for one in found if one.state not in ("Z", "X")]


def send_signal(one: Kin, signum: int) -> None:
    """Signal it and have it continue, unless its number is another process's by now."""
    try:
        if one.start == 0:
            os.kill(one.pid, signum)
            os.kill(one.pid, signal.SIGCONT)
            return
        handle = os.pidfd_open(one.pid)
    except OSError:  # gone, or not ours to signal: the kill that follows will tell
        return
    try:
        again = look_up(one.pid)
        if again and again.start == one.start:
            signal.pidfd_send_signal(handle, signum)
            signal.pidfd_send_signal(handle, signal.SIGCONT)
    except OSError:
        pass
    finally:
        os.close(handle)


def _read(path: str) -> bytes:
    """A whole file. `open` would have each shim touch, and thus own, twice as much memory."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = b""
        while more := os.read(fd, 1 << 12):
            text += more
        return text
    finally:
        os.close(fd)


def _everybody() -> list[Kin]:
    """All processes of the machine."""
    if os.path.exists("/proc/self/stat"):
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return [one for pid in pids if (one := look_up(pid))]
    ours, theirs = os.pipe()
    command, actions = ["ps", "-Ao", "pid=,ppid=,pgid=,stat="], [(os.POSIX_SPAWN_DUP2, theirs, 1)]
    ps = os.posix_spawnp("ps", command, os.environ, file_actions=actions)
    os.close(theirs)
    with open(ours, encoding="ascii", errors="replace") as file:
        rows = [line.split() for line in file]
    os.waitpid(ps, 0)
    return [Kin(int(a), int(b), int(c), state[0]) for a, b, c, state in rows if int(a) != ps]
