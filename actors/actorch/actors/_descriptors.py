"""The descriptors a loop watches, and what to call when they are ready."""

from __future__ import annotations

import contextlib
import select
import sys
from collections.abc import Callable, Iterator
from typing import TypeAlias

from ._waker import Waker

__all__ = ["Descriptors", "Events"]

Events: TypeAlias = list[tuple[int, int]]
"""Descriptors and what they are ready for, as the kernel says it."""

_READ = select.POLLIN
_WRITE = select.POLLOUT  # epoll's numbers are the same

_LONGEST_SLEEP = 1_000_000.0
"""Seconds; the kernel counts milliseconds in 32 bits."""


class _Callbacks:
    """What to call for one descriptor. Emptied when it is removed, which also drops late events."""

    __slots__ = ("reader", "writer")

    def __init__(self) -> None:
        self.reader: Callable[[], None] | None = None
        self.writer: Callable[[], None] | None = None

    @property
    def mask(self) -> int:
        read = _READ if self.reader is not None else 0
        return read | (_WRITE if self.writer is not None else 0)


class Descriptors:
    """One reader and one writer for each descriptor.

    On epoll and poll themselves: the selectors module costs half as much again as a whole ask.
    """

    def __init__(self) -> None:
        if sys.platform == "linux":
            self._poller = select.epoll()
            self._unit = 1
        else:
            self._poller = select.poll()
            self._unit = 1000
        self._callbacks: dict[int, _Callbacks] = {}

    def __len__(self) -> int:
        return len(self._callbacks)

    def set_waker(self, waker: Waker) -> None:
        """Let rings end `wait`."""
        if sys.platform == "linux":
            # Each ring is an edge of its own, so that nobody has to read it away.
            self._poller.register(waker.fileno(), select.EPOLLIN | select.EPOLLET)
        else:
            self.set_reader(waker.fileno(), waker.clear)

    def set_reader(self, fd: int, function: Callable[[], None] | None) -> None:
        """Call `function` whenever `fd` is readable; None to stop."""
        callbacks = self._callbacks.get(fd) or _Callbacks()
        callbacks.reader = function
        self._register(fd, callbacks)

    def set_writer(self, fd: int, function: Callable[[], None] | None) -> None:
        """Call `function` whenever `fd` is writable; None to stop."""
        callbacks = self._callbacks.get(fd) or _Callbacks()
        callbacks.writer = function
        self._register(fd, callbacks)

    def _register(self, fd: int, callbacks: _Callbacks) -> None:
        # Anew each time: a descriptor that was closed without being removed has left the
        # kernel's set, and its number may now be another file's.
        if self._callbacks.pop(fd, None) is not None:
            with contextlib.suppress(KeyError, ValueError, OSError):
                self._poller.unregister(fd)
        if callbacks.mask:
            self._poller.register(fd, callbacks.mask)
            self._callbacks[fd] = callbacks

    def wait(self, timeout: float | None) -> Events:
        """Sleep until something is ready.

        Args:
            timeout: seconds; 0 to only look, None for ever.
        """
        if timeout is None:
            return self._poller.poll()
        return self._poller.poll(min(timeout, _LONGEST_SLEEP) * self._unit)

    def calls(self, events: Events) -> Iterator[Callable[[], None]]:
        """What to call for `events`. Lazy, since one call may remove another's descriptor."""
        found = [(self._callbacks[fd], mask) for fd, mask in events if fd in self._callbacks]
        for callbacks, mask in found:
            # An error or a hang-up concerns both, and both learn of it by trying.
            if mask & ~_WRITE and callbacks.reader is not None:
                yield callbacks.reader
            if mask & ~_READ and callbacks.writer is not None:
                yield callbacks.writer

    def close(self) -> None:
        """Close the poller; the descriptors stay open, they are their owners'."""
        self._callbacks.clear()
        if sys.platform == "linux":
            self._poller.close()
