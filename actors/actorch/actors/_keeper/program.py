"""An agent's program: how it is found and started, and at which stage that failed."""

from __future__ import annotations

import errno
import os
import resource
import struct

from .group import Group
from .wire import FAILURE, ORDER, STAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # see __init__

_CATCHABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}

_MARKED: int | None = getattr(resource, "RLIMIT_RTTIME", None)
"""The limit that carries the brand. Every descendant inherits it, whatever session, environment or
files it makes for itself. It bounds the time of realtime scheduling in microseconds: a value as
high as a brand, years on end, means nothing to the kernel."""


class NotStartedError(Exception):
    """It does not run.

    Attributes:
        body: the body of a FAILED.
    """

    def __init__(self, stage: str, error: Exception, path: bytes) -> None:
        number = (error.errno if isinstance(error, OSError) else None) or errno.EINVAL
        if stage == "exec" and number in (errno.ENOENT, errno.EACCES):
            stage = "interpreter"  # the program itself was seen
        super().__init__(stage, number, path)
        self.body = FAILURE.pack(STAGES.index(stage), number) + path


class Started:
    """A program that runs.

    Attributes:
        pid: the leader's.
        flags: of its SPAWN.
        group: the cgroup that was made for it, if one was.
    """

    def __init__(self, pid: int, flags: int, group: Group | None) -> None:
        self.pid = pid
        self.flags = flags
        self.group = group


def start(body: bytes, fds: list[int]) -> Started:
    """Start what a SPAWN asks for, in a session of its own, with the signals of a fresh process.

    Args:
        body: of the SPAWN.
        fds: for stdin, stdout and stderr; closed here in any case.

    Raises:
        NotStartedError: it does not run.
        struct.error: that is no body of a SPAWN.
    """
    try:
        return _start(body, fds)
    finally:
        for fd in fds:
            os.close(fd)


def _start(body: bytes, fds: list[int]) -> Started:
    order: tuple[int, int, int, int] = ORDER.unpack_from(body)
    flags, brand, grouped, count = order
    words = body[ORDER.size :].split(b"\0")
    about, argv, rest = words[:grouped], words[grouped + 1 :][:count], words[grouped + 1 + count :]
    if len(argv) != count or not argv:
        raise struct.error("argv is incomplete")
    env, group = dict(map(_split, rest)), Group.of(about)
    stage, path, started = "cwd", words[grouped], None
    try:
        os.chdir(path)
        stage, path = "command", argv[0]
        found = _find(path, env.get(b"PATH", os.defpath.encode()))
        if group is not None:
            stage, path = "cgroup", group.path
            group.enter()
        stage, path = "exec", found
        started = Started(_spawn_branded(brand, path, argv, env, fds), flags, group)
        return started
    except (OSError, ValueError) as error:
        raise NotStartedError(stage, error, path) from None
    finally:
        os.chdir("/")
        if group is not None:
            group.leave()
            if started is None:
                group.remove()


def _split(word: bytes) -> tuple[bytes, bytes]:
    name, _, value = word.partition(b"=")
    return name, value


def _find(name: bytes, search: bytes) -> bytes:
    """The file to execute, looked for as execvp does."""
    number = errno.ENOENT
    path = b"/" in name
    for candidate in [name] if path else [os.path.join(d, name) for d in search.split(b":")]:
        if os.path.isfile(candidate):
            if os.access(candidate, os.X_OK):
                return candidate
            number = errno.EACCES
        elif path and os.path.exists(candidate):
            number = errno.EACCES
    raise OSError(number, os.strerror(number))


def _spawn_branded(
    brand: int, path: bytes, argv: list[bytes], env: dict[bytes, bytes], fds: list[int]
) -> int:
    if _MARKED is None or not brand:
        return _spawn(path, argv, env, fds)
    before = resource.getrlimit(_MARKED)
    try:
        resource.setrlimit(_MARKED, (brand, before[1]))
    except (OSError, ValueError):  # whoever started the app allows no such limit
        return _spawn(path, argv, env, fds)
    try:
        return _spawn(path, argv, env, fds)
    finally:
        resource.setrlimit(_MARKED, before)


def _spawn(path: bytes, argv: list[bytes], env: dict[bytes, bytes], fds: list[int]) -> int:
    return os.posix_spawn(
        path,
        argv,
        env,
        file_actions=[_action(number, fd) for number, fd in enumerate(fds)],
        setsid=True,
        setsigmask=(),
        setsigdef=_CATCHABLE,
    )


def _action(number: int, fd: int) -> tuple[object, ...]:
    """How the program gets a stream.

    A terminal that is written to is opened anew: as the first one that the leader of a session
    opens, it becomes the session's own, so that /dev/tty is there and Ctrl-C works.
    """
    if number and os.isatty(fd):
        return (os.POSIX_SPAWN_OPEN, number, os.ttyname(fd), os.O_RDWR, 0)
    return (os.POSIX_SPAWN_DUP2, fd, number)
