"""An agent's program: how it is found and started, and at which stage that failed."""

from __future__ import annotations

import errno
import os
import struct

from .wire import FAILURE, ORDER, STAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # see __init__

_CATCHABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


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


def start(body: bytes, fds: list[int]) -> int:
    """Start what a SPAWN asks for, in a session of its own, with the signals of a fresh process.

    Args:
        body: of the SPAWN.
        fds: for stdin, stdout and stderr; closed here in any case.

    Returns:
        its pid.

    Raises:
        NotStartedError: it does not run.
        struct.error: that is no body of a SPAWN.
    """
    try:
        return _start(body, fds)
    finally:
        for fd in fds:
            os.close(fd)


def _start(body: bytes, fds: list[int]) -> int:
    _keep, count = ORDER.unpack_from(body)
    cwd, *words = body[ORDER.size :].split(b"\0")
    argv, env = words[:count], dict(map(_split, words[count:]))
    if len(argv) != count or not argv:
        raise struct.error("argv is incomplete")
    stage, path = "cwd", cwd
    try:
        os.chdir(cwd)
        stage, path = "command", argv[0]
        path = _find(path, env.get(b"PATH", os.defpath.encode()))
        stage = "exec"
        return _spawn(path, argv, env, fds)
    except (OSError, ValueError) as error:
        raise NotStartedError(stage, error, path) from None
    finally:
        os.chdir("/")


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


def _spawn(path: bytes, argv: list[bytes], env: dict[bytes, bytes], fds: list[int]) -> int:
    return os.posix_spawn(
        path,
        argv,
        env,
        file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(fds)],
        setsid=True,
        setsigmask=(),
        setsigdef=_CATCHABLE,
    )
