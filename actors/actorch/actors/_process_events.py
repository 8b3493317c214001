"""What is asked of a process, and what is told about it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from ._keeper.wire import KEEP, ORDER, SESSION

__all__ = [
    "Ended",
    "GroupOrder",
    "Lost",
    "ProcessEvent",
    "SpawnFailed",
    "SpawnOrder",
    "Spawned",
    "Survivor",
]


class GroupOrder(msgspec.Struct, frozen=True):
    """A cgroup to be made for a process, and removed after it.

    Attributes:
        home: the directory of the cgroup that shims live in.
        path: of the one to be made.
        limits: what is written where, as ``pids.max=100``; with ``?`` in front, only where there is
            such a file.
    """

    home: str
    path: str
    limits: tuple[str, ...] = ()


class SpawnOrder(msgspec.Struct, frozen=True):
    """What to start.

    Attributes:
        argv: the program, looked for in the PATH of `env`, and its arguments.
        env: the whole environment.
        cwd: where it works; what is relative is relative to the app's own.
        stdin: a descriptor, or None for /dev/null. All three are borrowed: they may be closed once
            `spawn` has returned.
        stdout: a descriptor.
        stderr: a descriptor.
        keep_descendants: whether what the leader leaves behind, when it ends by itself, lives on.
        session_only: whether who makes a session of its own is left alone.
        apart: whether it gets a pid namespace of its own.
        brand: the number that its processes can be told by, whatever they make of themselves; 0 for
            none.
        group: the cgroup to be made for it.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    stdin: int | None
    stdout: int
    stderr: int
    keep_descendants: bool = False
    session_only: bool = False
    apart: bool = False
    brand: int = 0
    group: GroupOrder | None = None

    def encode(self) -> bytes:
        """The body of a SPAWN.

        Raises:
            ValueError: something contains NUL, or cannot be encoded.
        """
        environment = [f"{name}={value}" for name, value in self.env.items()]
        group = self.group
        about = [] if group is None else [group.home, group.path, *group.limits]
        words = [*about, os.path.abspath(self.cwd), *self.argv, *environment]
        text = os.fsencode("\0".join(words))
        if text.count(b"\0") != len(words) - 1:
            raise ValueError("NUL in argv, environment or cwd")
        flags = KEEP * self.keep_descendants | SESSION * self.session_only
        return ORDER.pack(flags, self.brand, len(about), len(self.argv)) + text


class Survivor(msgspec.Struct, frozen=True):
    """A process that could not be ended.

    Attributes:
        pid: its number.
        reason: why not: "not permitted", "in state D".
    """

    pid: int
    reason: str


class Spawned(msgspec.Struct, frozen=True):
    """It runs.

    Attributes:
        pid: of the leader, which is also its session and its group.
        start_time: of the leader, in clock ticks since boot; 0 where the system does not tell.
        shim: the pid of the shim, of which all processes of the tree are descendants.
    """

    pid: int
    start_time: int
    shim: int = 0


class SpawnFailed(msgspec.Struct, frozen=True):
    """It never ran.

    Attributes:
        stage: what failed: ``cwd``, ``command``, ``interpreter``, ``exec`` or ``keeper``.
        errno: why; 0 if nobody said.
        path: what it was about.
    """

    stage: str
    errno: int
    path: str


class Ended(msgspec.Struct, frozen=True):
    """Its leader has ended and its whole tree is gone, but for the survivors.

    Attributes:
        code: the leader's exit code; None if a signal ended it, or it survives.
        signal: the signal that ended the leader, if one did.
        user_time: seconds, of all processes of the tree.
        system_time: seconds, of all processes of the tree.
        max_rss: bytes, of the largest process. Never below what a shim itself takes, about 10 MB.
        leftovers: how many descendants were alive when the leader had ended.
        killed: how many processes it took SIGKILL to end.
        survivors: those that not even SIGKILL ended.
        starved: whether the kernel killed any of them for want of memory in its cgroup.
    """

    code: int | None
    signal: int | None
    user_time: float
    system_time: float
    max_rss: int
    leftovers: int
    killed: int
    survivors: tuple[Survivor, ...] = ()
    starved: bool = False


class Lost(msgspec.Struct, frozen=True):
    """How it ended is unknown, but its tree is gone, save for the survivors.

    Attributes:
        reason: what happened to those that would have known.
        killed: how many processes it took SIGKILL to end.
        survivors: those that not even SIGKILL ended.
    """

    reason: str
    killed: int
    survivors: tuple[Survivor, ...] = ()


ProcessEvent: TypeAlias = Spawned | SpawnFailed | Ended | Lost
"""In the life of a process: `Spawned` at most once, then one of the others, which is the last."""
