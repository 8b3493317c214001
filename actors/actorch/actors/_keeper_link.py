"""The app's end of its keeper: start it, have it fork shims, hear of those that were killed."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from ._channel import Channel
from ._dispatcher import Dispatcher
from ._keeper.wire import APART, FORK, GONE, LOSS, PLAIN, READY, WELCOME, Frame
from ._process_events import Survivor

__all__ = ["PROGRAM", "KeeperLink", "read_survivors"]

_log = logging.getLogger("actorch.process")

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_keeper", "__main__.py")


def read_survivors(text: bytes) -> tuple[Survivor, ...]:
    """Survivors as ENDED and GONE list them.

    Raises:
        ValueError: that is no such list.
    """
    if not text:
        return ()
    pairs = (line.split(" ", 1) for line in text.decode(errors="replace").split("\0"))
    return tuple(Survivor(int(pid), reason) for pid, reason in pairs)


class KeeperLink:
    """One keeper. Its process runs until the app says goodbye and its shims have ended.

    Args:
        dispatcher: whose thread this is used on.
        python: what to run it with.
        on_gone: called with a shim's number, an errno if it could not be forked, how many orphans
            were killed, and who survives. Also for shims that ended in peace.
        on_end: called when the keeper is gone; it is reaped by then.

    Raises:
        OSError: it could not be started.

    Attributes:
        pid: of its process.
        ready: whether it ever ran.
        finished: whether it ended in order: what it has not told of was never forked.
        subreaper: whether it gets the orphans of a shim that was killed.
        ended: whether it is gone.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        python: str,
        on_gone: Callable[[int, int, int, tuple[Survivor, ...]], None],
        on_end: Callable[[KeeperLink], None],
    ) -> None:
        self.ready = self.subreaper = self.finished = self.ended = False
        self._on_gone = on_gone
        self._on_end = on_end
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self.pid = _start(python, theirs.fileno())
            except OSError:
                ours.close()
                raise
        self.channel = Channel(dispatcher, ours, (READY, GONE), self._on_frame, self._on_eof)

    def fork_shim(self, number: int, apart: bool) -> socket.socket:
        """Ask for a shim.

        Args:
            number: of the order.
            apart: whether it shall be in a pid namespace of its own.

        Returns:
            our end of its socket. It may be written to at once.

        Raises:
            OSError: there are no descriptors left, or no keeper.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self.channel.send(FORK, number, APART if apart else PLAIN, (theirs.fileno(),))
            except OSError:
                ours.close()
                raise
        return ours

    def kill(self) -> None:
        """End and reap it, if it has not ended by itself. Its shims end their trees then."""
        with suppress(OSError):  # the app ignores SIGCHLD, or waits for everybody
            if os.waitpid(self.pid, os.WNOHANG) == (0, 0):  # so the number is still its own
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)

    def _on_frame(self, frame: Frame) -> None:
        if frame.kind == READY:
            self.ready, self.subreaper = True, WELCOME.unpack(frame.body)[0]
            if not self.subreaper and sys.platform == "linux":
                _log.warning("no subreaper: who leaves an agent's group may be left behind")
        elif frame.order == 0:
            self.finished = True
        else:
            errno, killed = LOSS.unpack_from(frame.body)
            self._on_gone(frame.order, errno, killed, read_survivors(frame.body[LOSS.size :]))

    def _on_eof(self) -> None:
        self.ended = True
        self.kill()
        self._on_end(self)

    def __repr__(self) -> str:
        return f"<KeeperLink pid {self.pid}{', ended' if self.ended else ''}>"


def _start(python: str, control: int) -> int:
    """Start the program with its socket and /dev/null, and nothing else it would keep."""
    number = 3 if control != 3 else 4  # duplicated onto itself, it would be closed
    argv = [python, "-I", "-S", PROGRAM, str(number), str(os.getpid())]
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)]
    actions = [(os.POSIX_SPAWN_DUP2, control, number), *null]
    return os.posix_spawn(python, argv, os.environ, file_actions=actions, setsigmask=())
