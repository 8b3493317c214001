"""Waiting until there is more to show, without looking again and again."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from actorch.actors._identity import Identity, is_alive
from actorch.actors._inotify import APPEARED, GONE, MODIFIED, Inotify
from actorch.supervisors._history import KnownRun

__all__ = ["LogWatch"]

_QUIET: Final = 0.05
"""Seconds in which what comes gathers: a trickle of small writes must not keep anybody busy."""
_LOOK: Final = 2.0
"""Seconds after which it looks all the same: not every file system tells of every write."""
_POLL: Final = 0.25
"""The same where there is nothing that tells."""


class LogWatch:
    """Sleeps until output or history grow, the owner of the run ends, or nobody reads any more.

    Args:
        run: the run whose files are followed.
        state_dir: where the history is.
        output: a descriptor; when its reader has gone, waiting makes no sense.
    """

    def __init__(self, run: KnownRun, state_dir: str, output: int) -> None:
        self._owner = Identity(
            run.owner_pid, run.owner_start_time, run.boot_id, run.pid_namespace or 0
        )
        self._output = output
        self._inotify = _watching(state_dir, run.directory)
        self._process = _handle_of(self._owner)
        self._poll = select.poll()
        self._poll.register(output, 0)
        if self._process is not None:
            self._poll.register(self._process, select.POLLIN)

    def owner_lives(self) -> bool:
        """Whether whoever runs the run still does, as far as one can see."""
        return is_alive(self._owner)

    def wait(self, patience: float | None) -> set[str] | None:
        """The paths of what has changed; None: look at everything.

        Args:
            patience: seconds to wait at most; None for as long as it takes.

        Raises:
            BrokenPipeError: nobody reads the output any more.
        """
        if self._inotify is None:
            return self._sleep(_POLL if patience is None else min(patience, _POLL))
        self._poll.register(self._inotify, select.POLLIN)
        try:
            ended = self._sleep(_LOOK if patience is None else patience, self._inotify)
        finally:
            self._poll.unregister(self._inotify)
        if ended is None:
            return None
        self._sleep(_QUIET)
        paths = {notice.path for notice in self._inotify.read()}
        return None if None in paths else {path for path in paths if path is not None}

    def _sleep(self, patience: float, growth: Inotify | None = None) -> set[str] | None:
        """An empty set if there was growth, None after any other reason to go on."""
        ready = dict(self._poll.poll(patience * 1000))
        if self._output in ready:
            raise BrokenPipeError
        if self._process is not None and self._process in ready:
            self._poll.unregister(self._process)
            return None
        return set() if growth is not None and growth.fileno() in ready else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._inotify is not None:
            self._inotify.close()
        if self._process is not None:
            os.close(self._process)

    def __repr__(self) -> str:
        return f"<LogWatch of {self._owner}>"


def _watching(*directories: str) -> Inotify | None:
    inotify: Inotify | None = None
    try:
        inotify = Inotify()
        for directory in directories:
            with suppress(FileNotFoundError):
                inotify.watch(directory, MODIFIED | APPEARED | GONE)
    except OSError:
        if inotify is not None:
            inotify.close()
        return None
    return inotify


def _handle_of(owner: Identity) -> int | None:
    """A descriptor that is readable once that process has ended; None where there is none."""
    try:
        handle = os.pidfd_open(owner.pid)
    except (AttributeError, OSError):
        return None
    if is_alive(owner):
        return handle
    os.close(handle)
    return None
