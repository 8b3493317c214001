"""One end of a socket to the keeper or to a shim, on the dispatcher's loop; it never blocks."""

from __future__ import annotations

import errno
import os
import socket
import struct
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from ._dispatcher import Dispatcher
from ._keeper.wire import HEAD, Frame, ProtocolError, Wire

__all__ = ["Channel"]

_NOSIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
_MANY = 1 << 16
_LATER = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS)


class Channel:
    """Frames in, frames out.

    Args:
        dispatcher: whose thread this is used on.
        sock: this end; owned from now on.
        kinds: of the frames that may come.
        on_frame: called with each.
        on_end: called when the other end is gone, or talks nonsense; the channel is closed by then.

    Attributes:
        closed: whether nothing goes in or out any more.
    """

    __slots__ = ("__weakref__", "_dispatcher", "_on_end", "_on_frame", "_queue", "_wire", "closed")

    def __init__(
        self,
        dispatcher: Dispatcher,
        sock: socket.socket,
        kinds: tuple[int, ...],
        on_frame: Callable[[Frame], None],
        on_end: Callable[[], None],
    ) -> None:
        self.closed = False
        self._dispatcher = dispatcher
        self._wire = Wire(sock, *kinds)
        self._on_frame = on_frame
        self._on_end = on_end
        self._queue: deque[tuple[bytes, list[int]]] = deque()
        sock.setblocking(False)
        _all.add(self)
        dispatcher.add_reader(sock.fileno(), self.read)

    def fileno(self) -> int:
        """The descriptor; -1 once closed."""
        return self._wire.sock.fileno()

    def send(self, kind: int, order: int, body: bytes = b"", fds: Sequence[int] = ()) -> None:
        """Send a frame, now or as soon as the other end takes it.

        Args:
            kind: one of the words of the protocol.
            order: what it is about.
            body: the rest.
            fds: to be handed over; they are the caller's again at once.

        Raises:
            OSError: the other end is gone, or there are too many descriptors; nothing was sent.
        """
        frame = HEAD.pack(len(body), kind, order) + body
        sent = 0
        if not self._queue:
            with suppress(BlockingIOError):
                sent = self._send(frame, fds)
        if sent < len(frame):
            self._wait_to_send(frame[sent:], () if sent else fds)

    def _send(self, data: bytes, fds: Sequence[int]) -> int:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))]
        return self._wire.sock.sendmsg([data], rights if fds else (), _NOSIGNAL)

    def _wait_to_send(self, data: bytes, fds: Sequence[int]) -> None:
        copies = [os.dup(fd) for fd in fds]
        self._queue.append((data, copies))
        self._dispatcher.add_writer(self.fileno(), self._flush)

    def _flush(self) -> None:
        while self._queue:
            data, fds = self._queue[0]
            try:
                sent = self._send(data, fds)
            except OSError as error:
                if error.errno in _LATER:
                    return
                sent = len(data)  # it is gone, which reading will tell
            self._queue.popleft()
            _close(fds)
            if sent < len(data):
                self._queue.appendleft((data[sent:], []))
                return
        self._dispatcher.remove_writer(self.fileno())

    def read(self) -> None:
        """Handle what has come."""
        try:
            going_on = self._wire.read()
            for frame in self._wire.frames():
                self._on_frame(frame)
                if self.closed:
                    return
        except (ProtocolError, struct.error, ValueError):
            going_on = False
        if not going_on:
            self.close()
            self._on_end()

    def skip(self) -> bool:
        """Read what has come and forget it; whether the other end is still there."""
        try:
            return bool(self._wire.sock.recv(_MANY))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def say_goodbye(self) -> None:
        """Have the other end know that nothing more will come. What it says is still heard."""
        with suppress(OSError):
            self._wire.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Give the descriptor back. Idempotent."""
        if not self.closed:
            self.closed = True
            with suppress(RuntimeError):  # the loop has ended, and watches nothing any more
                self._dispatcher.remove_reader(self.fileno())
                self._dispatcher.remove_writer(self.fileno())
            self._give_back()

    def abandon(self) -> None:
        """In a forked child: close our copy, and touch nothing that is shared with the parent."""
        self.closed = True
        self._give_back()

    def _give_back(self) -> None:
        self._wire.sock.close()
        for _data, fds in self._queue:
            _close(fds)
        self._queue.clear()


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)


_all: weakref.WeakSet[Channel] = weakref.WeakSet()


def _abandon_all() -> None:
    for channel in list(_all):
        channel.abandon()


os.register_at_fork(after_in_child=_abandon_all)
