"""Knowing which output files have grown, without polling and without reading them.

One inotify descriptor serves all runs of a system: the kernel names the files that were written to.
Marks are handed on at most every 50 ms, so that a flood costs no more than a trickle. ctypes is
enough for the three calls; the packages that wrap inotify bring threads or loops of their own.
Where there is no inotify (macOS), the sizes of the followed files are compared four times a second.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable
from typing import Final

from ._dispatcher import Dispatcher
from ._output import file_size
from ._timers import Timer

__all__ = ["Follower"]

_IN_MODIFY: Final = 0x2
_IN_Q_OVERFLOW: Final = 0x4000
_HEADER: Final = struct.Struct("iIII")
_BUFFER: Final = 64 * 1024
QUIET: Final = 0.05
"""Seconds between two announcements."""
POLL: Final = 0.25
"""Seconds between two looks where the kernel cannot tell."""


class Follower:
    """Announces growth of files in watched directories. Lives on the dispatcher's thread."""

    def __init__(self, dispatcher: Dispatcher, on_growth: Callable[[set[str]], None]) -> None:
        self._dispatcher = dispatcher
        self._on_growth = on_growth
        self._descriptor = _inotify_init()
        self._directories: dict[int, str] = {}
        self._sizes: dict[str, int] = {}
        self._timer: Timer | None = None
        if self._descriptor is not None:
            dispatcher.add_reader(self._descriptor, self._on_readable)

    def watch(self, directory: str) -> None:
        """Announce every file that grows in `directory`. Doing it again changes nothing."""
        if self._descriptor is None or directory in self._directories.values():
            return
        watch: int = _libc().inotify_add_watch(self._descriptor, os.fsencode(directory), _IN_MODIFY)
        if watch >= 0:
            self._directories[watch] = directory
        else:  # the user's limit of watches is reached, most likely
            self._fall_back()

    def unwatch(self, directory: str) -> None:
        """Stop announcing; unknown directories are fine."""
        for watch, known in list(self._directories.items()):
            if known == directory and self._descriptor is not None:
                del self._directories[watch]
                _libc().inotify_rm_watch(self._descriptor, watch)

    def follow(self, path: str) -> None:
        """This file of a watched directory is being written to from now on."""
        self._sizes[path] = 0
        if self._descriptor is None and self._timer is None:
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
        if self._descriptor is not None:
            self._dispatcher.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def _on_readable(self) -> None:
        assert self._descriptor is not None
        grown: set[str] = set()
        try:
            while data := os.read(self._descriptor, _BUFFER):
                self._collect(data, grown)
                if len(data) < _BUFFER // 2:
                    break
        except BlockingIOError:
            pass
        self._dispatcher.remove_reader(self._descriptor)
        self._timer = self._dispatcher.call_later(QUIET, self._listen)
        self._on_growth(grown)

    def _listen(self) -> None:
        self._timer = None
        if self._descriptor is not None:
            self._dispatcher.add_reader(self._descriptor, self._on_readable)
        elif self._sizes:
            self._look()

    def _collect(self, data: bytes, grown: set[str]) -> None:
        offset = 0
        while offset < len(data):
            watch, mask, _cookie, length = _HEADER.unpack_from(data, offset)
            offset += _HEADER.size
            name = data[offset : offset + length].rstrip(b"\0")
            offset += length
            if mask & _IN_Q_OVERFLOW:
                grown.update(self._sizes)
            elif directory := self._directories.get(watch):
                grown.add(f"{directory}/{os.fsdecode(name)}")

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
        how = "polling" if self._descriptor is None else f"inotify {self._descriptor}"
        return f"<Follower by {how}, {len(self._directories)} directories>"


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _inotify_init() -> int | None:
    if not sys.platform.startswith("linux"):
        return None
    descriptor: int = _libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    return descriptor if descriptor >= 0 else None
