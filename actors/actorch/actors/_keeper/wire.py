"""The words that app, keeper and shims exchange, and the receiving end of the last two.

A frame is a head and a body. Those that carry descriptors carry them with their first byte.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
else:
    import _socket as socket  # see __init__

HEAD = struct.Struct("<IBQ")
"""Bytes of the body, kind, order. Each agent has an order of its own, and so has each shim."""

SPAWN, SIGNAL, KILL, FORK = 1, 2, 3, 4
"""From the app: the first three to a shim, the last to the keeper."""

READY, SPAWNED, FAILED, ENDED, GONE = 11, 12, 13, 14, 15
"""To the app: the first and the last from the keeper, the others from a shim."""

ORDER = struct.Struct("<BQHI")
"""SPAWN: flags, brand, words about a cgroup, length of argv. Then these words, cwd, argv and
NAME=VALUE, split by NUL."""

KEEP, SESSION = 1, 2
"""Flags of a SPAWN: descendants that the leader leaves behind live on, or those do that have made
sessions of their own."""

PLAIN, APART = b"\0", b"\1"
"""FORK: a shim like all others, or one in a pid namespace of its own."""

WELCOME = struct.Struct("<?")
"""READY: whether it is a subreaper."""

START = struct.Struct("<iQi")
"""SPAWNED: pid, start time, pid of the shim."""

FAILURE = struct.Struct("<Bi")
"""FAILED: stage, errno. Then the path."""

END = struct.Struct("<???iiddQII")
"""ENDED: reusable, cut off, out of memory, code or -1, signal or 0, seconds of user and system
time, bytes of memory, left over, killed. Then the survivors."""

LOSS = struct.Struct("<iI")
"""GONE: errno of a fork that failed, killed. Then the survivors."""

STAGES: tuple[str, ...] = ("cwd", "command", "interpreter", "exec", "cgroup")
DESCRIPTORS = {SPAWN: 3, FORK: 1}
LONGEST = 1 << 24
"""Bytes of a body. The kernel takes no more than 6 MiB of argv and environment."""

_CLOEXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class ProtocolError(Exception):
    """The other side does not speak this protocol."""


class Frame:
    """One message."""

    __slots__ = ("body", "fds", "kind", "order")

    def __init__(self, kind: int, order: int, body: bytes, fds: list[int]) -> None:
        self.kind = kind
        self.order = order
        self.body = body
        self.fds = fds


class Wire:
    """One end of a socket: frames come in, with descriptors, and frames go out."""

    def __init__(self, sock: socket.socket, *kinds: int) -> None:
        self.sock = sock
        self._kinds = kinds
        self._data = bytearray()
        self.fds: list[int] = []
        self._held = b""

    def read(self) -> bool:
        """Take what is there; False at the end."""
        how = socket.MSG_DONTWAIT | _CLOEXEC
        try:
            data, extra, flags, _ = self.sock.recvmsg(1 << 16, socket.CMSG_SPACE(64), how)
        except BlockingIOError:
            return True
        except OSError:
            return False
        for _level, _type, packed in extra:
            self.fds += struct.unpack(f"{len(packed) // 4}i", packed[: len(packed) // 4 * 4])
        if flags & socket.MSG_CTRUNC:
            raise ProtocolError
        self._data += data
        return bool(data)

    def frames(self) -> Iterator[Frame]:
        """Each that is complete."""
        data = self._data
        while len(data) >= HEAD.size:
            size, kind, order = HEAD.unpack_from(data)
            if size > LONGEST or kind not in self._kinds:
                raise ProtocolError
            if len(data) < HEAD.size + size:
                return
            body = bytes(memoryview(data)[HEAD.size : HEAD.size + size])
            del data[: HEAD.size + size]
            yield Frame(kind, order, body, self._take_descriptors(DESCRIPTORS.get(kind, 0)))
        if self.fds and not data:
            raise ProtocolError

    def _take_descriptors(self, count: int) -> list[int]:
        fds, self.fds = self.fds[:count], self.fds[count:]
        if len(fds) < count:
            raise ProtocolError
        return fds

    def send(self, kind: int, order: int, body: bytes = b"") -> None:
        """Send a frame. Whether anybody is there to read it, reading will tell."""
        self.hold(kind, order, body)
        self.flush()

    def hold(self, kind: int, order: int, body: bytes) -> None:
        """Send a frame together with the next one, or at `flush`."""
        self._held += HEAD.pack(len(body), kind, order) + body

    def flush(self) -> None:
        """Send what is held."""
        held, self._held = self._held, b""
        try:
            self.sock.sendall(held)
        except OSError:
            return
