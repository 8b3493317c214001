"""Waiting until there is more to show, without looking again and again."""

from __future__ import annotations

import os
import select
from types import TracebackType
from typing import Final, Self

from actorch.actors._identity import Identity, is_alive
from actorch.actors._inotify import APPEARED, GONE, MODIFIED, ONCE, Inotify
from actorch.supervisors._history import KnownRun

__all__ = ["LogWatch"]

_QUIET: Final = 0.05
"""Seconds in which what comes gathers: a trickle of small writes must not keep anybody busy."""
_LOOK: Final = 2.0
"""Seconds after which it looks all the same: not every file system tells of every write."""
_POLL: Final = 0.25
"""The same where there is nothing that tells."""
_ANY: Final = MODIFIED | APPEARED | GONE


class LogWatch:
    """Sleeps until output or history grow, the owner of the run ends, or nobody reads any more.

    The directory of the run is watched only while it sleeps, so that a flood costs the agents
    nothing: they are told of once, and then read until they have been caught up with.

    Args:
        run: the run whose files are followed.
        history: the file of the history.
        output: a descriptor; when its reader has gone, waiting makes no sense.
    """

    def __init__(self, run: KnownRun, history: str, output: int) -> None:
        self._owner = Identity(
            run.owner_pid, run.owner_start_time, run.boot_id, run.pid_namespace or 0
        )
        self._directory = run.directory
        self._history = {history, f"{history}-wal"}
        self._output = output
        self._inotify = _watching(os.path.dirname(history))
        self._process = _handle_of(self._owner)
        self._poll = select.poll()
        self._poll.register(output, 0)
        if self._process is not None:
            self._poll.register(self._process, select.POLLIN)
        self._arm()

    def owner_lives(self) -> bool:
        """Whether whoever runs the run still does, as far as one can see."""
        return is_alive(self._owner)

    def wait(self, patience: float | None, files: int) -> bool:
        """Until something has come; whether more than the growth of files may have happened.

        Args:
            patience: seconds to wait at most; None for as long as it takes.
            files: how many are followed; of many, each is looked at less often.

        Raises:
            BrokenPipeError: nobody reads the output any more.
        """
        if self._inotify is None:
            self._sleep(_POLL if patience is None else min(patience, _POLL))
            return True
        owner = self._process
        self._poll.register(self._inotify, select.POLLIN)
        try:
            ready = self._sleep(_LOOK if patience is None else patience)
        finally:
            self._poll.unregister(self._inotify)
        if self._inotify.fileno() in ready:
            self._sleep(max(_QUIET, files / 5000))
        paths = {notice.path for notice in self._inotify.read()}
        self._arm()
        more = not paths or None in paths or self._process is not owner
        return more or not paths.isdisjoint(self._history)

    def _arm(self) -> None:
        """From now on, the first thing that happens is told. What came before is yet to be read."""
        if self._inotify is None:
            return
        try:
            self._inotify.watch(self._directory, _ANY | ONCE)
        except FileNotFoundError:  # deleted with its run
            pass
        except OSError:
            self._inotify.close()
            self._inotify = None

    def _sleep(self, patience: float) -> set[int]:
        """The descriptors that have something to say."""
        ready = {descriptor for descriptor, _events in self._poll.poll(patience * 1000)}
        if self._output in ready:
            raise BrokenPipeError
        if self._process is not None and self._process in ready:
            self._poll.unregister(self._process)
            os.close(self._process)
            self._process = None
        return ready

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


def _watching(directory: str) -> Inotify | None:
    try:
        inotify = Inotify()
    except OSError:
        return None
    try:
        inotify.watch(directory, _ANY)
    except OSError:
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
