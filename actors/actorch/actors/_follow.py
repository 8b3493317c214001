"""Knowing which output files have grown, without polling and without reading them.

One inotify descriptor serves all runs of a system: the kernel names the files that were written to.
Marks are handed on at most every 50 ms, so that a flood costs no more than a trickle.
Where there is no inotify (macOS), the sizes of the followed files are compared four times a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ._dispatcher import Dispatcher
from ._inotify import MODIFIED, Inotify
from ._output import file_size
from ._timers import Timer

__all__ = ["Follower"]

QUIET: Final = 0.05
"""Seconds between two announcements."""
POLL: Final = 0.25
"""Seconds between two looks where the kernel cannot tell."""


class Follower:
    """Announces growth of files in watched directories. Lives on the dispatcher's thread."""

    def __init__(self, dispatcher: Dispatcher, on_growth: Callable[[set[str]], None]) -> None:
        self._dispatcher = dispatcher
        self._on_growth = on_growth
        self._inotify = _inotify()
        self._sizes: dict[str, int] = {}
        self._timer: Timer | None = None
        if self._inotify is not None:
            dispatcher.add_reader(self._inotify.fileno(), self._on_readable)

    def watch(self, directory: str) -> None:
        """Announce every file that grows in `directory`. Doing it again changes nothing."""
        if self._inotify is None:
            return
        try:
            self._inotify.watch(directory, MODIFIED)
        except OSError:
            self._fall_back()

    def unwatch(self, directory: str) -> None:
        """Stop announcing; unknown directories are fine."""
        if self._inotify is not None:
            self._inotify.unwatch(directory)

    def follow(self, path: str) -> None:
        """This file of a watched directory is being written to from now on."""
        self._sizes[path] = 0
        if self._inotify is None and self._timer is None:
            self._timer = self._dispatcher.call_later(POLL, self._look)

    def unfollow(self, path: str) -> None:
        """The file will not grow any more."""
        self._sizes.pop(path, None)

    def close(self) -> None:
        """Give the descriptor back. Idempotent."""
        self._sizes.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._give_back()

    def _fall_back(self) -> None:
        self._give_back()
        if self._sizes and self._timer is None:
            self._timer = self._dispatcher.call_later(POLL, self._look)

    def _give_back(self) -> None:
        if self._inotify is not None:
            self._dispatcher.remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    def _on_readable(self) -> None:
        assert self._inotify is not None
        grown: set[str] = set()
        for notice in self._inotify.read():
            grown.update(self._sizes if notice.path is None else (notice.path,))
        self._dispatcher.remove_reader(self._inotify.fileno())
        self._timer = self._dispatcher.call_later(QUIET, self._listen)
        self._on_growth(grown)

    def _listen(self) -> None:
        self._timer = None
        if self._inotify is not None:
            self._dispatcher.add_reader(self._inotify.fileno(), self._on_readable)
        elif self._sizes:
            self._look()

    def _look(self) -> None:
        grown: set[str] = set()
        for path, size in self._sizes.items():
            now = file_size(path)
            if now != size:
                grown.add(path)
                self._sizes[path] = now
        self._timer = self._dispatcher.call_later(POLL, self._look) if self._sizes else None
        if grown:
            self._on_growth(grown)

    def __repr__(self) -> str:
        if self._inotify is None:
            return f"<Follower by polling, {len(self._sizes)} files>"
        return f"<Follower by {self._inotify}, {self._inotify.directories} directories>"


def _inotify() -> Inotify | None:
    try:
        return Inotify()
    except OSError:
        return None
