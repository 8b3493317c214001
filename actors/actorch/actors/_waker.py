"""A descriptor that ends another thread's sleep."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading

__all__ = ["Waker"]


class Waker:
    """An eventfd, or a socket pair where there are none.

    Ringing is refused after `close`, so that a late ring never reaches a descriptor that has
    meanwhile been given to somebody else. The lock is reentrant because a signal handler may ring
    while its own thread does.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open = True
        if sys.platform == "linux":
            self._reading = self._writing = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            reader, writer = socket.socketpair()
            reader.setblocking(False)
            writer.setblocking(False)
            self._reading, self._writing = reader.detach(), writer.detach()

    def fileno(self) -> int:
        """The descriptor that becomes readable at each ring."""
        return self._reading

    def ring(self) -> None:
        """End the sleep, or the next one. From any thread."""
        with self._lock:
            if not self._open:
                return
            if sys.platform == "linux":
                os.eventfd_write(self._writing, 1)
            else:
                with contextlib.suppress(BlockingIOError):  # rung often enough to wake anybody
                    os.write(self._writing, b"\0")

    def clear(self) -> None:
        """Forget all rings so far. Only the sleeper calls this."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._reading, 4096)

    def close(self) -> None:
        """Give the descriptors back. Idempotent."""
        with self._lock:
            if self._open:
                self._open = False
                for descriptor in {self._reading, self._writing}:
                    os.close(descriptor)

    def abandon(self) -> None:
        """Close the copies that a forked child has; the lock may be held by a thread it has not."""
        self._lock = threading.RLock()
        self.close()

    def __repr__(self) -> str:
        return f"<Waker {self._reading}>" if self._open else "<Waker closed>"
