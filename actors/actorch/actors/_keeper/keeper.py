"""The keeper: forks shims, ends the trees of those that are killed, and ends with its app."""

from __future__ import annotations

import errno
import gc
import os
import struct

from . import kin
from .namespace import fork_apart
from .owner import Owner, prepare_signals
from .shim import Shim
from .wire import (
    APART,
    FORK,
    GONE,
    HEAD,
    KILL,
    LOSS,
    ORDER,
    PLAIN,
    READY,
    SIGNAL,
    SPAWN,
    WELCOME,
    Frame,
    ProtocolError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    import socket
    from typing import NoReturn
else:
    import _signal as signal  # see __init__
    import _socket as socket

_CLOSE_BOUND = 13.0
"""Seconds until shims that do not end are killed; each needs 12 at most."""

_WARM_UPS = 8
"""The more there are, the less memory of its own a shim takes, and the later the first one runs."""


class Keeper(Owner):
    """Owns the shims, and for a moment the orphans of those that were killed."""

    def __init__(self, control: socket.socket) -> None:
        super().__init__(control, FORK)
        self._life, self._alive = os.pipe()
        self._notes, self._pen = os.pipe()
        self._shims: dict[int, int] = {}
        self._left_alone: set[int] = set()
        self._lost: list[int] = []
        self._closing = False
        self.watch(self._notes, self._on_note)

    def finished(self) -> bool:
        """Whether the app is gone, and all there was with it."""
        return self._closing and not self._shims and not self._lost and not self.mine()

    def mine(self) -> set[int]:
        """Orphans: what a shim that was killed owned."""
        return set(kin.children(os.getpid())) - self._shims.keys() - self._left_alone

    def obey(self, frame: Frame, deserted: bool) -> None:
        """Fork a shim."""
        try:
            if deserted:
                return
            if self._closing:
                raise OSError(errno.EAGAIN, "another keeper will do it")
            if frame.body not in (PLAIN, APART):
                raise ProtocolError
            self._shims[self._fork(frame)] = frame.order
        except OSError as error:
            self.wire.send(GONE, frame.order, LOSS.pack(error.errno or 0, 0))
        finally:
            os.close(frame.fds[0])

    def _fork(self, frame: Frame) -> int:
        if frame.body == APART:
            return fork_apart(lambda outside: self._be_shim(frame.fds[0], outside))
        pid = os.fork()
        if pid == 0:
            self._be_shim(frame.fds[0])
        return pid

    def _be_shim(self, control: int, outside: int = -1) -> NoReturn:
        status = 1
        try:
            self.close_for_child()
            os.close(self._alive)
            if kin.is_subreaper():
                kin.become_subreaper()
            kin.is_inside(outside)
            Shim(socket.socket(fileno=control), self._life, self._pen).run()
            status = 0
        finally:
            os._exit(status)

    def _on_note(self, _events: int) -> None:
        """Shims that want to be left alone, with what they own."""
        for (pid,) in struct.iter_unpack("i", os.read(self._notes, 4096)):
            if self._shims.pop(pid, None) is not None:
                self._left_alone.add(pid)

    def reap(self) -> None:
        """Take what has ended; find whom it has left behind.

        Orphans are looked for before the wait: whoever left them is a zombie by then, so this wait
        takes it, and it is known whose they were.
        """
        orphans, spared = self.mine(), False
        while (found := _wait()) is not None:
            pid, status = found
            if os.WIFSTOPPED(status):
                if pid in self._shims:  # an agent may stop its parent, but not for long
                    os.kill(pid, signal.SIGCONT)
                continue
            self.forget(pid, status)
            orphans.discard(pid)
            spared |= pid in self._left_alone
            self._left_alone.discard(pid)
            if (order := self._shims.pop(pid, None)) is not None:
                self._lost.append(order)
        if spared and not self._lost:
            self._left_alone |= orphans
        if not self.mine():
            self._report()
        elif not self.killing:
            self.kill()

    def _report(self, survivors: bytes = b"") -> None:
        """The shims in `_lost` are gone, and their trees as well but for the survivors."""
        for order in self._lost:
            self.wire.send(GONE, order, LOSS.pack(0, self.killed) + survivors)
            self.killed = 0
        self._lost.clear()
        self.all_dead()

    def give_up(self) -> None:
        """Report who survives, and leave them alone."""
        orphans = self.mine()
        survivors = self.survivors([one for one in kin.descendants() if one.pid in orphans])
        self._left_alone |= orphans
        self._report(survivors)

    def end(self) -> None:
        """The app is gone: have every shim end its tree."""
        if not self._closing:
            self._closing = True
            self._signal_shims(signal.SIGTERM)
            self.alarm(_CLOSE_BOUND, self._force)

    def _force(self) -> None:
        self._signal_shims(signal.SIGKILL)

    def _signal_shims(self, signum: int) -> None:
        for pid in self._shims:
            os.kill(pid, signum)


def _wait() -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def _close_all_but(*kept: int) -> None:
    for name in os.listdir("/dev/fd"):
        if int(name) > 2 and int(name) not in kept:
            try:
                os.close(int(name))
            except OSError:
                continue  # it was the listing's own


def _watch_app(keeper: Keeper, app: int) -> None:
    """Its end is seen even while a process it forked holds our socket open."""
    try:
        handle = os.pidfd_open(app)
    except (AttributeError, OSError):
        handle = -1  # macOS, or Linux before 5.3: the socket has to do

    def on_end(_events: int) -> None:
        keeper.unwatch(handle)
        keeper.end()

    if handle >= 0:
        keeper.watch(handle, on_end)
    if os.getppid() != app:
        keeper.end()


def _warm_up() -> None:
    """Do what every shim will do: what the interpreter caches meanwhile, all of them share."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("3i", null, null, null))]
    for order in range(1, _WARM_UPS + 1):
        for argv, more in ((b"true", b""), (b"sleep\x009", _frame(SIGNAL, order, b"\x12"))):
            body = ORDER.pack(0, 0, 0, 1 + argv.count(0)) + b"/\0" + argv + b"\0PATH=/bin:/usr/bin"
            more += _frame(KILL, order, b"") if more else b""
            _try_out([_frame(SPAWN, order, body) + more], rights)
    os.close(null)


def _frame(kind: int, order: int, body: bytes) -> bytes:
    return HEAD.pack(len(body), kind, order) + body


def _try_out(words: list[bytes], rights: list[tuple[int, int, bytes]]) -> None:
    """Have a shim in this process obey these words, and end."""
    app, control = socket.socketpair()
    life, alive = os.pipe()
    notes, pen = os.pipe()
    app.sendmsg(words, rights)
    app.shutdown(socket.SHUT_WR)
    shim = Shim(control, life, pen)
    shim.run()
    shim.close_for_child()
    control.close()
    app.close()
    for fd in (alive, notes, pen):
        os.close(fd)


def main(descriptor: str, app: str, portable: str = "") -> None:
    """Be the keeper.

    Args:
        descriptor: of the socket whose other end the app has.
        app: its pid.
        portable: given in tests: do as on a system without subreapers.
    """
    _close_all_but(int(descriptor))
    if os.getsid(0) != os.getpid():
        os.setsid()
    os.chdir("/")
    prepare_signals()
    subreaper = not portable and kin.become_subreaper()
    _warm_up()
    gc.collect()
    gc.freeze()
    gc.disable()
    keeper = Keeper(socket.socket(fileno=int(descriptor)))
    _watch_app(keeper, int(app))
    keeper.wire.send(READY, 0, WELCOME.pack(subreaper))
    keeper.run()
    keeper.wire.send(GONE, 0, LOSS.pack(0, 0))
