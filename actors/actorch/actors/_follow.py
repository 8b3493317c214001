"""Knowing which output files have grown, without polling and without slowing who writes.

One inotify descriptor serves all runs of a system. Of a file that is silent, the kernel tells once,
with its next write; from then on its size is looked at every 50 ms, until it is silent again. So a
flood is told of as often as a trickle, and costs its writer nothing: a standing watch would take
about a microsecond of each write. Where inotify does not tell (macOS, some network file systems),
the sizes of all followed files are compared four times a second.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from ._dispatcher import Dispatcher
from ._inotify import MODIFIED, ONCE, Inotify, tells_of
from ._output import file_size
from ._timers import Timer

__all__ = ["Follower"]

QUIET: Final = 0.05
"""Seconds between two announcements."""
POLL: Final = 0.25
"""Seconds between two looks where the kernel does not tell."""


class Follower:
    """Announces growth of files. Lives on the dispatcher's thread."""

    def __init__(self, dispatcher: Dispatcher, on_growth: Callable[[set[str]], None]) -> None:
        self._dispatcher = dispatcher
        self._on_growth = on_growth
        self._inotify = _inotify()
        self._tried: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._busy: set[str] = set()
        self._timer: Timer | None = None
        if self._inotify is not None:
            dispatcher.add_reader(self._inotify.fileno(), self._on_readable)

    def follow(self, path: str) -> None:
        """This file is being written to from now on; it may be made a moment later."""
        self._sizes[path] = 0
        self._busy.add(path)
        self._go_on()

    def unfollow(self, path: str) -> None:
        """The file will not grow any more."""
        self._sizes.pop(path, None)
        self._busy.discard(path)
        if self._inotify is not None:
            self._inotify.unwatch(path)

    def close(self) -> None:
        """Give the descriptor back. Idempotent."""
        self._sizes.clear()
        self._busy.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._poll_from_now_on()

    def _poll_from_now_on(self) -> None:
        if self._inotify is not None:
            self._dispatcher.remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    def _on_readable(self) -> None:
        assert self._inotify is not None
        told: set[str] = set()
        for notice in self._inotify.read():
            told.update(self._sizes if notice.path is None else (notice.path,))
        told &= self._sizes.keys()
        grown = {path for path in told if self._has_grown(path)}
        self._busy |= told  # also what was written anew to the same size: its watch is used up
        self._go_on()
        if grown:
            self._on_growth(grown)

    def _go_on(self) -> None:
        """Look again in a while, if there is reason to."""
        polls = self._inotify is None
        if self._timer is None and (self._sizes if polls else self._busy):
            self._timer = self._dispatcher.call_later(POLL if polls else QUIET, self._look)

    def _look(self) -> None:
        self._timer = None
        looked_at = list(self._sizes) if self._inotify is None else list(self._busy)
        grown = {path for path in looked_at if self._has_grown(path)}
        for path in self._busy - grown:
            self._arm(path)
            if self._has_grown(path):  # before it was armed
                grown.add(path)
        self._busy = grown
        self._go_on()
        if grown:
            self._on_growth(grown)

    def _has_grown(self, path: str) -> bool:
        before, self._sizes[path] = self._sizes[path], file_size(path)
        return self._sizes[path] != before

    def _arm(self, path: str) -> None:
        if self._inotify is None:
            return
        directory = os.path.dirname(path)
        works = directory in self._tried or tells_of(directory)
        self._tried.add(directory)
        try:
            if works:
                self._inotify.watch(path, MODIFIED | ONCE)
        except FileNotFoundError:  # whoever wrote it has removed it
            pass
        except OSError:  # the user's limit of watches is reached, most likely
            works = False
        if not works:
            self._poll_from_now_on()

    def __repr__(self) -> str:
        how = "polling" if self._inotify is None else f"{self._inotify}"
        return f"<Follower by {how}, {len(self._sizes)} files, {len(self._busy)} of them busy>"


def _inotify() -> Inotify | None:
    try:
        return Inotify()
    except OSError:
        return None
