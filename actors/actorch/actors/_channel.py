"""One end of a socket to the keeper or to a shim, on the dispatcher's loop; it never blocks."""

from __future__ import annotations

import os
import socket
import struct
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress

from ._dispatcher import Dispatcher
from ._keeper.wire import HEAD, Frame, ProtocolError, Wire

__all__ = ["Channel"]

_NOSIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)


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

    __slots__ = ("__weakref__", "_dispatcher", "_on_end", "_on_frame", "_rest", "_wire", "closed")

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
        self._rest = bytearray()
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
            OSError: the other end is gone, or cannot take descriptors now; nothing was sent.
        """
        frame = HEAD.pack(len(body), kind, order) + body
        if self._rest:
            self._rest += frame
            return
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))]
        sent = self._wire.sock.sendmsg([frame], rights if fds else (), _NOSIGNAL)
        if sent < len(frame):
            self._rest += memoryview(frame)[sent:]
            self._dispatcher.add_writer(self.fileno(), self._flush)

    def _flush(self) -> None:
        try:
            del self._rest[: self._wire.sock.send(self._rest, _NOSIGNAL)]
        except BlockingIOError:
            return
        except OSError:  # it is gone, which reading will tell
            self._rest.clear()
        if not self._rest:
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

    def say_goodbye(self) -> None:
        """Have the other end know that nothing more will come. What it says is still heard."""
        self._rest.clear()
        with suppress(OSError):
            self._wire.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Give the descriptor back. Idempotent."""
        if not self.closed:
            self.closed = True
            with suppress(RuntimeError):  # the loop has ended, and watches nothing any more
                self._dispatcher.remove_reader(self.fileno())
                self._dispatcher.remove_writer(self.fileno())
            self._wire.sock.close()

    def abandon(self) -> None:
        """In a forked child: close our copy, and touch nothing that is shared with the parent."""
        self.closed = True
        self._wire.sock.close()


_all: weakref.WeakSet[Channel] = weakref.WeakSet()


def _abandon_all() -> None:
    for channel in list(_all):
        channel.abandon()


os.register_at_fork(after_in_child=_abandon_all)
