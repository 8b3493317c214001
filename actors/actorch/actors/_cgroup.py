"""Where agents can have cgroups of their own (version 2), and what these can limit."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from typing import Final

import msgspec

from ._identity import own_identity
from ._printed import output_of
from ._process_events import GroupOrder

__all__ = ["AgentGroups", "Delegation", "NotDelegatedError", "find_delegation", "remove_groups"]

VARIABLE: Final = "ACTORCH_CGROUP"
CONTROLLERS: Final[tuple[str, ...]] = ("cpu", "memory", "pids")

_HOW: Final = f"{VARIABLE} can name a directory of yours, or run under systemd with Delegate=yes"
_OCCUPIED: Final = "since processes are in it (DelegateSubgroup= puts them elsewhere)"
_MOVE: Final = 'echo 0 >"$0/cgroup.procs" && echo 0 >"$1/cgroup.procs" && echo moved'


class NotDelegatedError(Exception):
    """There is no cgroup that agents may have cgroups in. The text says why, and what helps."""


class Delegation(msgspec.Struct, frozen=True):
    """A cgroup that is ours to make others in.

    Attributes:
        home: the directory of the cgroup that this process lives in.
        base: the directory to make others in.
        controllers: those of `CONTROLLERS` that can limit what is in them.
        problem: why that is not all of them; "" if it is.
    """

    home: str
    base: str
    controllers: frozenset[str]
    problem: str = ""


def find_delegation(environment: Mapping[str, str]) -> Delegation:
    """The cgroup that agents may have cgroups in, tried out.

    That is the one `ACTORCH_CGROUP` names; else our own, or the one above it, if systemd says that
    it is delegated, or where there is no systemd that it could belong to. The root of the hierarchy
    is nobody's to use unasked.

    Raises:
        NotDelegatedError: there is none.
    """
    home = _own_directory()
    base = _base(home, environment)
    _try_out(home, base)
    controllers, problem = _controllers(base)
    return Delegation(home, base, controllers, problem)


def _base(home: str, environment: Mapping[str, str]) -> str:
    if named := environment.get(VARIABLE):
        if not os.path.isfile(f"{named}/cgroup.procs"):
            raise NotDelegatedError(f"{VARIABLE}: {named} is no directory of a cgroup v2")
        return os.path.abspath(named)
    if not os.path.exists(f"{home}/cgroup.type"):
        raise NotDelegatedError(f"this process is in the root cgroup; {_HOW}")
    if not os.path.exists(f"{home}/cgroup.kill"):
        raise NotDelegatedError("cgroup.kill needs Linux 5.14")
    managed = os.path.isdir("/run/systemd/system")
    for place in (home, os.path.dirname(home)):
        if _is_delegated(place) or (not managed and place is home):
            return place
    raise NotDelegatedError(f"{home} belongs to systemd, which has not delegated it; {_HOW}")


def _own_directory() -> str:
    """The directory of our own cgroup. cgroups(7)."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            path = next(line.rstrip("\n")[3:] for line in file if line.startswith("0::"))
        mount, root = next(_mounts())
    except (OSError, StopIteration):
        raise NotDelegatedError("no cgroup v2 hierarchy is mounted here") from None
    return os.path.normpath(f"{mount}/{os.path.relpath(path, root)}")


def _mounts() -> Iterator[tuple[str, str]]:
    """Mount point and root of each cgroup2 file system. proc_pid_mountinfo(5)."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            about, _, kind = line.partition(" - ")
            if kind.startswith("cgroup2 "):
                words = about.split(" ")
                yield _unescaped(words[4]), _unescaped(words[3])


def _unescaped(path: str) -> str:
    for code in (0o40, 0o11, 0o12, 0o134):
        path = path.replace(f"\\{code:03o}", chr(code))
    return path


def _is_delegated(directory: str) -> bool:
    """Whether systemd says that it is somebody else's now: a unit with Delegate=yes."""
    for name in ("user.delegate", "trusted.delegate"):
        with suppress(OSError, AttributeError):
            if os.getxattr(directory, name) == b"1":
                return True
    return False


def _try_out(home: str, base: str) -> None:
    """Make a cgroup, have a process go there and come back, and remove it."""
    trial = f"{base}/actorch-trial-{os.getpid()}"
    try:
        os.mkdir(trial)
    except FileExistsError:
        pass
    except OSError as error:
        raise NotDelegatedError(f"{base}: {error.strerror}; {_HOW}") from None
    try:
        moved = output_of("/bin/sh", "-c", _MOVE, trial, home) == b"moved\n"
    finally:
        remove_groups(trial)
    if not moved and "threaded" in _words(f"{base}/cgroup.type"):
        raise NotDelegatedError(f"{base} can only have threads below it; {_HOW}")
    if not moved:
        raise NotDelegatedError(f"a process of {home} may not be moved to {base}; {_HOW}")


def _controllers(base: str) -> tuple[frozenset[str], str]:
    """Those that can be handed down, and why others cannot."""
    offered = _words(f"{base}/cgroup.controllers")
    wanted = [name for name in CONTROLLERS if name in offered]
    if wanted and _is_occupied(base):
        problem = f"{base} cannot hand down {', '.join(wanted)}, {_OCCUPIED}"
    else:
        problem = _hand_down(base, wanted)
    found = _words(f"{base}/cgroup.subtree_control").intersection(CONTROLLERS)
    missing = [name for name in CONTROLLERS if name not in found]
    if missing and not problem:
        above = f"{os.path.dirname(base)}/cgroup.subtree_control"
        problem = f"{base} is not given {', '.join(missing)}; write +cpu +memory +pids to {above}"
    return frozenset(found), problem if missing else ""


def _hand_down(directory: str, controllers: list[str]) -> str:
    problem = ""
    for name in controllers:
        try:
            with open(f"{directory}/cgroup.subtree_control", "w", encoding="ascii") as file:
                file.write(f"+{name}")
        except OSError as error:
            problem = f"{directory} cannot hand down {name}: {error.strerror}"
            if error.errno == errno.EBUSY:
                problem += f", {_OCCUPIED}"
    return problem


def _is_occupied(directory: str) -> bool:
    """Whether processes are in it; the root may hand down all the same.

    Where they are, some controllers can be handed down, but only to threads: that would spoil it.
    """
    if not os.path.exists(f"{directory}/cgroup.type"):
        return False
    return bool(_words(f"{directory}/cgroup.procs"))


def _words(path: str) -> set[str]:
    with suppress(OSError), open(path, encoding="ascii") as file:
        return set(file.read().split())
    return set()


class AgentGroups:
    """The cgroups of one app's agents, all in one directory, which is made when it is needed."""

    def __init__(self, delegation: Delegation) -> None:
        own = own_identity()
        self._delegation = delegation
        self._directory = f"{delegation.base}/actorch-{own.pid}-{own.start_time}"
        self._numbers = count(1)
        self._made = False

    def order(self, limits: tuple[str, ...]) -> GroupOrder:
        """An order for one more.

        Raises:
            OSError: the directory cannot be made.
        """
        if not self._made:
            with suppress(FileExistsError):
                os.mkdir(self._directory)
            _hand_down(self._directory, sorted(self._delegation.controllers))
            self._made = True
        path = f"{self._directory}/{next(self._numbers)}"
        return GroupOrder(self._delegation.home, path, limits)

    def close(self) -> None:
        """Remove what a killed shim could not, and the directory."""
        if self._made:
            remove_groups(self._directory)

    def __repr__(self) -> str:
        return f"<AgentGroups in {self._directory}>"


def remove_groups(directory: str) -> None:
    """Remove a cgroup and those in it, but for those that processes are in."""
    with suppress(OSError):
        for name in os.listdir(directory):
            if os.path.isdir(path := f"{directory}/{name}"):
                remove_groups(path)
        os.rmdir(directory)
