"""What a keeper and a shim have in common: one place to sleep, and a way to end what is theirs."""

from __future__ import annotations

import os
import select
import struct
import time
from abc import abstractmethod

from .kin import Kin, number_outside
from .wire import Frame, ProtocolError, Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    import socket
    from collections.abc import Callable
    from types import FrameType
else:
    import _signal as signal  # see __init__

KILL_BOUND = 10.0
"""Seconds of killing until what is left is reported as surviving."""

_PAUSE = 0.1
"""Seconds between two looks, if nothing happens, while killing."""

_MOST_SURVIVORS = 100
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGQUIT, signal.SIGTSTP)
_told_to_end = False


def _on_signal(signum: int, _frame: FrameType | None) -> None:
    global _told_to_end
    _told_to_end = _told_to_end or signum == signal.SIGTERM


def prepare_signals() -> None:
    """Wake up for children and for SIGTERM; nothing else is for us."""
    for signum in _IGNORED:
        signal.signal(signum, signal.SIG_IGN)
    for signum in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(signum, _on_signal)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


class Owner:
    """Sleeps in one poll; reaps when a child has ended; kills until nobody is left."""

    def __init__(self, control: socket.socket, *kinds: int) -> None:
        self.wire = Wire(control, *kinds)
        self.killed = 0
        self._poller = select.poll()
        self._handlers: dict[int, Callable[[int], object]] = {}
        self._alarms: dict[Callable[[], None], float] = {}
        self._seen: set[int] = set()
        self._refused: set[int] = set()
        self._kill_until: float | None = None
        self._bell, self._rope = os.pipe()
        os.set_blocking(self._rope, False)
        signal.set_wakeup_fd(self._rope, warn_on_full_buffer=False)
        self._rung = False
        self.watch(self._bell, self._on_bell)
        self.watch(control.fileno(), self._on_control)

    @abstractmethod
    def finished(self) -> bool:
        """Whether there is nothing left to wait for."""

    @abstractmethod
    def mine(self) -> set[int]:
        """Those that `kill` is about."""

    @abstractmethod
    def obey(self, frame: Frame, deserted: bool) -> None:
        """Do what the app says. `deserted`: it did so before it ended."""

    @abstractmethod
    def reap(self) -> None:
        """Take what has ended."""

    @abstractmethod
    def end(self) -> None:
        """Nobody wants us any more. May come more than once."""

    @abstractmethod
    def give_up(self) -> None:
        """The bound for killing is over."""

    def watch(self, fd: int, handler: Callable[[int], object]) -> None:
        """Call `handler` with the events of `fd`."""
        self._poller.register(fd, select.POLLIN)
        self._handlers[fd] = handler

    def unwatch(self, fd: int) -> None:
        """Undo `watch`."""
        if self._handlers.pop(fd, None):
            self._poller.unregister(fd)

    def close_for_child(self) -> None:
        """After a fork: close what is the parent's."""
        signal.set_wakeup_fd(-1)
        for fd in (*self._handlers, self._rope, *self.wire.fds):
            os.close(fd)

    def _on_bell(self, _events: int) -> None:
        os.read(self._bell, 1 << 12)
        self._rung = True

    def alarm(self, seconds: float, due: Callable[[], None]) -> None:
        """Call `due` once, after a while; the last word on when counts."""
        self._alarms[due] = time.monotonic() + seconds

    def cancel(self, due: Callable[[], None]) -> None:
        """Do not call it."""
        self._alarms.pop(due, None)

    def run(self) -> None:
        """Sleep, handle, reap, until finished."""
        while not self.finished():
            for fd, events in self._poller.poll(self._patience()):
                if fd in self._handlers:
                    self._handlers[fd](events)
            if _told_to_end:
                self.end()
            if self._rung:
                self._rung = False
                self.reap()
                if self.killing:
                    self._kill_fresh()
            self._ring()

    def _patience(self) -> float | None:
        """Milliseconds to sleep at most."""
        if not self._alarms:
            return None
        return max(0.0, min(self._alarms.values()) - time.monotonic()) * 1000

    def _ring(self) -> None:
        now = time.monotonic()
        for due in [due for due, when in self._alarms.items() if when <= now]:
            if self._alarms.pop(due, None):
                due()

    def _on_control(self, events: int) -> None:
        try:
            going_on = self.wire.read()
            for frame in self.wire.frames():
                self.obey(frame, bool(events & select.POLLHUP))
        except (ProtocolError, struct.error, IndexError):
            going_on = False
        if not going_on:
            self.unwatch(self.wire.sock.fileno())
            self.end()

    @property
    def killing(self) -> bool:
        """Whether SIGKILL is what ends them now."""
        return self._kill_until is not None

    @property
    def about_to_kill(self) -> bool:
        """Whether they are being killed, or will be when their grace is over."""
        return self.kill in self._alarms or self.killing

    def kill(self) -> None:
        """SIGKILL what is ours until nobody is left, or for as long as the bound allows."""
        now = time.monotonic()
        self._kill_until = self._kill_until or now + KILL_BOUND
        if now > self._kill_until:
            self._kill_until = None
            self.give_up()
            return
        self.alarm(_PAUSE, self.kill)
        self._seen.clear()
        self._kill_fresh()
        self.reap()  # the last ones may be nobody's children here, so nothing tells of their end

    def _kill_fresh(self) -> None:
        """Kill, reap, look again: whatever loses its parent becomes ours."""
        while (fresh := self.mine() - self._seen) and time.monotonic() < (self._kill_until or 0):
            self._seen |= fresh
            for pid in fresh:
                self.strike(pid)
            self.reap()

    def all_dead(self) -> None:
        """There is nobody left to kill."""
        self._kill_until = None
        self.cancel(self.kill)

    def strike(self, pid: int) -> None:
        """SIGKILL a child, and its group at once: no fork within a group slips through."""
        try:
            if (group := os.getpgid(pid)) != os.getpgrp():
                os.killpg(group, signal.SIGKILL)
            os.kill(pid, signal.SIGKILL)
        except PermissionError:
            self.refuse(pid)
        except ProcessLookupError:
            pass

    def refuse(self, pid: int) -> None:
        """Remember that it may not be signalled."""
        self._refused.add(pid)

    def forget(self, pid: int, status: int) -> None:
        """A child is reaped: from now on its number is anybody's."""
        self._seen.discard(pid)
        self._refused.discard(pid)
        if self.killing and os.waitstatus_to_exitcode(status) == -signal.SIGKILL:
            self.killed += 1

    def survivors(self, alive: list[Kin]) -> bytes:
        """Those that SIGKILL does not end, each with the reason."""
        lines: list[str] = []
        for one in alive[:_MOST_SURVIVORS]:
            reason = "not permitted" if one.pid in self._refused else f"in state {one.state}"
            lines.append(f"{number_outside(one.pid)} {reason}")
        return "\0".join(lines).encode()
