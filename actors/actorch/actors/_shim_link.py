"""The app's end of one shim, and the process that runs under it."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

from ._channel import Channel
from ._dispatcher import Dispatcher
from ._keeper.wire import (
    END,
    ENDED,
    FAILED,
    FAILURE,
    KILL,
    SIGNAL,
    SPAWN,
    SPAWNED,
    STAGES,
    START,
    Frame,
)
from ._keeper_link import KeeperLink, read_survivors
from ._process_events import Ended, Lost, ProcessEvent, Spawned, SpawnFailed

__all__ = ["Process", "ShimLink"]

_log = logging.getLogger("actorch.process")


class Process:
    """One process: what can be done to it. What becomes of it is told to `on_event`.

    Attributes:
        number: of the order that it was started with.
        pid: of the leader, once it runs.
        start_time: of the leader, in clock ticks since boot.
        brand: what its processes can be told by; 0 for none.
    """

    __slots__ = ("_on_event", "_shim", "_state", "brand", "number", "pid", "start_time")

    def __init__(
        self, number: int, on_event: Callable[[ProcessEvent], None], brand: int = 0
    ) -> None:
        self.pid: int | None = None
        self.start_time = 0
        self.number = number
        self.brand = brand
        self._on_event = on_event
        self._shim: ShimLink | None = None
        self._state = "starting"

    def signal(self, signum: int) -> None:
        """Stop it politely: its group gets the signal, then whoever outlives the leader.

        From now on its end is not followed by the ending of its descendants: `kill` does that.
        Without effect once it has ended.
        """
        if self._shim is not None:
            self._shim.send(SIGNAL, self.number, bytes([signum]))

    def kill(self) -> None:
        """SIGKILL its whole tree, whatever it has made of itself. Without effect once it ended."""
        if self._shim is not None:
            self._shim.send(KILL, self.number)

    def run_under(self, shim: ShimLink) -> None:
        """It was handed to this shim."""
        self._shim = shim

    def tell(self, event: ProcessEvent) -> None:
        """Something became of it."""
        if isinstance(event, Spawned):
            self.pid, self.start_time = event.pid, event.start_time
            self._state = "running"
        else:
            self._shim = None
            self._state = _words_for(event)
        try:
            self._on_event(event)
        except Exception:
            _log.exception("%r: what is told about it raised", self)

    def __repr__(self) -> str:
        number = "" if self.pid is None else f", pid {self.pid}"
        return f"<Process {self._state}{number}>"


def _words_for(event: SpawnFailed | Ended | Lost) -> str:
    if isinstance(event, SpawnFailed):
        return f"not started: {event.stage}: {os.strerror(event.errno)}"
    if isinstance(event, Lost):
        return f"lost: {event.reason}"
    if event.code is not None:
        return f"exited with code {event.code}"
    if event.signal is not None:
        return f"ended by signal {event.signal}"
    return "not ended by SIGKILL"


class ShimLink:
    """One shim, which runs one process after another.

    Args:
        number: of the order that asked for it.
        apart: whether it is in a pid namespace of its own.
        keeper: who forks it.
        dispatcher: whose thread this is used on.
        sock: our end of its socket.
        on_free: called when it has no process any more, before that process's end is told.
        on_end: called when it is gone, while it had a process or not.

    Attributes:
        number: as given.
        apart: as given.
        keeper: as given.
        channel: to the shim.
        process: what runs under it.
        cause: why the shim would end its tree unasked.
    """

    __slots__ = ("_on_free", "apart", "cause", "channel", "keeper", "number", "process")

    def __init__(
        self,
        number: int,
        apart: bool,
        keeper: KeeperLink,
        dispatcher: Dispatcher,
        sock: socket.socket,
        on_free: Callable[[ShimLink, bool], None],
        on_end: Callable[[ShimLink], None],
    ) -> None:
        self.number = number
        self.apart = apart
        self.keeper = keeper
        self.process: Process | None = None
        self.cause = "its shim was told to end"
        self._on_free = on_free
        kinds = (SPAWNED, FAILED, ENDED)
        self.channel = Channel(dispatcher, sock, kinds, self._on_frame, lambda: on_end(self))

    def spawn(self, process: Process, body: bytes, fds: Sequence[int]) -> None:
        """Have it run a process.

        Raises:
            OSError: it is gone, or descriptors cannot be handed over now.
        """
        self.channel.send(SPAWN, process.number, body, fds)
        self.take_on(process)

    def take_on(self, process: Process) -> None:
        """What becomes of it is told by this one, or about it."""
        self.process = process
        process.run_under(self)

    def send(self, kind: int, number: int, body: bytes = b"") -> None:
        """Say something about its process; if it is gone, reading will tell."""
        if not self.channel.closed:
            with suppress(OSError):
                self.channel.send(kind, number, body)

    def _on_frame(self, frame: Frame) -> None:
        process, body = self.process, frame.body
        if process is None or frame.order != process.number:
            return
        if frame.kind == SPAWNED:
            process.tell(Spawned(*START.unpack(body)))
        elif frame.kind == FAILED:
            numbers: tuple[int, int] = FAILURE.unpack_from(body)
            stage, errno = numbers
            path = os.fsdecode(body[FAILURE.size :])
            self._free(SpawnFailed(STAGES[stage], errno, path), reusable=True)
        else:
            self._on_ended(body)

    def _on_ended(self, body: bytes) -> None:
        reusable, cut_off, starved, *rest = END.unpack_from(body)
        code, signum, user, system, rss, left, killed = rest
        survivors = read_survivors(body[END.size :])
        if cut_off:
            self._free(Lost(self.cause, killed, survivors), reusable)
            return
        event = Ended(
            code=code if code >= 0 else None,
            signal=signum or None,
            user_time=user,
            system_time=system,
            max_rss=rss,
            leftovers=left,
            killed=killed,
            survivors=survivors,
            starved=starved,
        )
        self._free(event, reusable)

    def _free(self, event: ProcessEvent, reusable: bool) -> None:
        process, self.process = self.process, None
        self._on_free(self, reusable)
        if process is not None:
            process.tell(event)

    def tell_last(self, event: ProcessEvent) -> None:
        """This is what became of its process, now that the shim is gone."""
        process, self.process = self.process, None
        if process is not None:
            process.tell(event)

    def __repr__(self) -> str:
        state = "gone" if self.channel.closed else repr(self.process) if self.process else "idle"
        return f"<ShimLink {self.number}: {state}>"
