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
_outside = -1


class Kin:
    """One process. `start` is its start time in clock ticks since boot, 0 where nobody knows."""

    __slots__ = ("group", "parent", "pid", "session", "start", "state")

    def __init__(
        self, pid: int, parent: int, group: int, state: str, session: int = 0, start: int = 0
    ) -> None:
        self.pid = pid
        self.parent = parent
        self.group = group
        self.state = state
        self.session = session
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
    numbers = [int(words[place]) for place in (1, 2, 3, 19)]
    return Kin(pid, numbers[0], numbers[1], words[0].decode(), numbers[2], numbers[3])


def is_inside(outside: int) -> None:
    """This process is in a pid namespace of its own.

    Args:
        outside: a descriptor of the /proc in which it has another number.
    """
    global _outside
    _outside = outside


def number_outside(pid: int) -> int:
    """What this process, or a descendant of it, is called by those outside of the namespace."""
    if _outside < 0:
        return pid
    pids = [int(os.readlink("self", dir_fd=_outside))]
    for other in pids:
        try:
            inner = _read(f"{other}/status", _outside).partition(b"NSpid:")[2].split(b"\n", 1)[0]
            if int(inner.split()[-1]) == pid:
                return other
            pids += map(int, _read(f"{other}/task/{other}/children", _outside).split())
        except (OSError, IndexError):  # gone meanwhile
            continue
    return 0


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


def still_lives(one: Kin, others: list[Kin]) -> bool:
    """Whether it lives, and is none of the others. Never where no start times are told."""
    if one.start == 0 or any(one.pid == other.pid for other in others):
        return False
    found = look_up(one.pid)
    return found is not None and found.start == one.start and found.state not in ("Z", "X")


def send_signal(one: Kin, signum: int) -> bool:
    """Signal it and have it continue, unless its number is another process's by now.

    Returns:
        whether that is permitted.
    """
    handle = -1
    try:
        if one.start == 0:
            os.kill(one.pid, signum)
            os.kill(one.pid, signal.SIGCONT)
            return True
        handle = os.pidfd_open(one.pid)
        again = look_up(one.pid)
        if again and again.start == one.start:
            signal.pidfd_send_signal(handle, signum)
            signal.pidfd_send_signal(handle, signal.SIGCONT)
    except OSError as error:
        return not isinstance(error, PermissionError)
    finally:
        if handle >= 0:
            os.close(handle)
    return True


def _read(path: str, directory: int | None = None) -> bytes:
    """A whole file. `open` would have each shim touch, and thus own, twice as much memory."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
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
