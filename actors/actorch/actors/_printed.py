"""A small program that is run for what it prints."""

from __future__ import annotations

import os
from contextlib import suppress

__all__ = ["output_of"]


def output_of(*argv: str) -> bytes:
    """What a small program prints, started without an environment and with nothing to read.

    Its exit code would not be safe to ask for: in an app that ignores SIGCHLD, or in which somebody
    waits for every child, nobody could tell.

    Args:
        argv: the path of the program, and its arguments.

    Raises:
        OSError: it cannot be started.
    """
    ours, theirs = os.pipe()
    null = os.devnull
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, null, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, theirs, 1),
        (os.POSIX_SPAWN_OPEN, 2, null, os.O_WRONLY, 0),
    ]
    with open(ours, "rb") as file:
        try:
            pid = os.posix_spawn(argv[0], argv, {}, file_actions=actions)
        finally:
            os.close(theirs)
        printed = file.read()
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
    return printed
