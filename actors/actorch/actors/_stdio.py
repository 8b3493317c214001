"""The standard streams of an attempt: where they lead, whatever is in between.

By default an agent writes to regular files itself, so there is no reader to be late, no pipe to
fill, and nothing lost when actorch is killed. Programs that are spoken to, or that want a terminal,
get a pipe or a terminal, and the same bytes go to the same files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Final, Protocol

import msgspec

from ._output import OutputPaths

__all__ = ["CREATE", "AttemptFiles", "FileStdio", "Stdio", "write_stdin"]

CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
"""New files only: a name that is taken, or a planted symbolic link, is an error."""


class AttemptFiles(msgspec.Struct, frozen=True, gc=False):
    """The three descriptors an attempt starts with."""

    stdin: int | None
    stdout: int
    stderr: int


class Stdio(Protocol):
    """What an attempt reads from and writes to. For the dispatcher's thread."""

    def open(self, stdin: int | None) -> AbstractContextManager[AttemptFiles]:
        """What the process starts with; closed at the end of the context.

        Args:
            stdin: what it reads from, if anything.

        Raises:
            OSError: something cannot be made or opened.
        """
        ...

    def finish(self, then: Callable[[], object]) -> bool:
        """Its process has ended.

        Returns:
            whether everything it has printed is in its files; else, `then` is called when it is.
        """
        ...

    def close(self) -> None:
        """Give back what is still held. Idempotent."""
        ...


class FileStdio:
    """Regular files, opened for appending, so that its processes do not overwrite each other."""

    def __init__(self, paths: OutputPaths) -> None:
        self._paths = paths

    @contextmanager
    def open(self, stdin: int | None) -> Generator[AttemptFiles]:
        """Make the files."""
        opened: list[int] = []
        try:
            flags = CREATE | os.O_APPEND
            opened.extend(os.open(path, flags, 0o600) for path in self._paths.each)
            yield AttemptFiles(stdin, opened[0], opened[-1])
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def finish(self, then: Callable[[], object]) -> bool:
        """It wrote everything itself."""
        return True

    def close(self) -> None:
        """Nothing is held."""

    def __repr__(self) -> str:
        return f"<FileStdio {self._paths.stdout}>"


def write_stdin(path: str, draft: str, data: bytes) -> None:
    """Put a prompt into a private file, whole or not at all, to be an agent's standard input.

    A file has no writer to block, no EPIPE, and an end.

    Args:
        path: the file.
        draft: another name in the same directory, for the file while it is being written.
        data: the prompt.

    Raises:
        OSError: it cannot be written; there is no file then.
    """
    try:
        with open(os.open(draft, CREATE, 0o600), "wb") as file:
            file.write(data)
        os.rename(draft, path)
    except OSError:
        with suppress(OSError):
            os.unlink(draft)
        raise
