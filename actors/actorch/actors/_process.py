"""The app's side of the process layer: hands processes to shims, and tells what becomes of them."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import count

from ._channel import Channel
from ._dispatcher import Dispatcher
from ._errors import DispatcherClosedError, UnsupportedPlatformError
from ._forks import no_fork
from ._idle import IdleShims
from ._isolation import Machine
from ._keeper.wire import LONGEST
from ._keeper_link import KeeperLink
from ._orphans import end_orphans
from ._process_events import Lost, ProcessEvent, SpawnFailed, SpawnOrder, Survivor
from ._sever import CLOSE_BOUND, read_to_the_end, sever
from ._shim_link import Process, ShimLink

__all__ = ["Process", "ProcessHost"]


class ProcessHost:
    """Starts processes, each under a shim of its own; what they leave behind is ended.

    The keeper is started with the first process, and again if it was killed. All methods but
    `close` are for the dispatcher's thread.

    Args:
        dispatcher: whose thread that is.
        python: what the keeper runs with.

    Raises:
        UnsupportedPlatformError: neither Linux nor macOS.
    """

    def __init__(self, dispatcher: Dispatcher, *, python: str = sys.executable) -> None:
        if sys.platform == "win32":
            raise UnsupportedPlatformError("owning process trees needs Linux or macOS")
        self._dispatcher = dispatcher
        self._python = python
        self._pid = os.getpid()
        self._numbers = count(1)
        self._keeper: KeeperLink | None = None
        self._keepers: set[KeeperLink] = set()
        self._shims: dict[int, ShimLink] = {}
        self._idle = IdleShims()
        self._closing = False
        self._all_gone = threading.Event()

    def machine(self) -> Machine:
        """What this machine can do for isolation."""
        return Machine(os.environ, self._python)

    def spawn(self, order: SpawnOrder, on_event: Callable[[ProcessEvent], None]) -> Process:
        """Start a process.

        Args:
            order: what to start. Its descriptors may be closed once this has returned.
            on_event: told what becomes of it, later, on the dispatcher's thread.

        Raises:
            DispatcherClosedError: the host is closed, or was made before this process was forked.
        """
        self._refuse_if_closed()
        process = Process(next(self._numbers), on_event, order.brand)
        try:
            body = order.encode()
        except ValueError:
            return self._refuse(process, "exec", errno.EINVAL, ascii(order.argv[0]))
        if len(body) > LONGEST:
            return self._refuse(process, "exec", errno.E2BIG, order.argv[0])
        try:
            stdin = self._null if order.stdin is None else order.stdin
            self._hand_over(process, body, (stdin, order.stdout, order.stderr), order.apart)
        except OSError as error:
            # Too many descriptors in flight is, for the caller, the same as too many open.
            full = error.errno == errno.ETOOMANYREFS
            self._refuse(process, "keeper", errno.EMFILE if full else error.errno or 0)
        return process

    def prewarm(self, shims: int) -> None:
        """Have so many shims, so that the first processes need not wait for them.

        What fails here fails again, and is told, when a process is started.
        """
        self._refuse_if_closed()
        with suppress(OSError):
            while len(self._shims) < shims:
                self._idle.put(self._new_shim(apart=False))

    def close(self) -> None:
        """End every process and the keeper, and wait for that. Idempotent; from any thread.

        Trees get SIGTERM, then SIGKILL after 2 s. Takes 15 s at most.
        """
        if os.getpid() != self._pid:
            return
        try:
            if self._dispatcher.in_thread():
                raise DispatcherClosedError("the loop is busy here, so it cannot run for us")
            self._dispatcher.call_soon(self._begin_close)
        except DispatcherClosedError:
            self._begin_close()
            read_to_the_end(self._all_gone, self._channels, self._break_off)
        else:
            if not self._all_gone.wait(CLOSE_BOUND):
                self._dispatcher.call_soon(self._break_off)
                self._all_gone.wait(1.0)

    def sever(self) -> None:
        """The same where the loop is fenced; what becomes of the processes is told to nobody."""
        if os.getpid() == self._pid:
            self._closing = True
            self._give_back_null()
            sever(list(self._keepers), self._channels())
            self._keepers.clear()
            self._shims.clear()
            self._all_gone.set()

    @cached_property
    def _null(self) -> int:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _give_back_null(self) -> None:
        if "_null" in vars(self):
            os.close(vars(self).pop("_null"))

    def _refuse_if_closed(self) -> None:
        if self._closing or os.getpid() != self._pid:
            raise DispatcherClosedError("this ProcessHost is closed, or of the parent process")

    def _refuse(self, process: Process, stage: str, number: int, path: str = "") -> Process:
        self._dispatcher.call_soon(process.tell, SpawnFailed(stage, number, path or self._python))
        return process

    def _hand_over(self, process: Process, body: bytes, fds: Sequence[int], apart: bool) -> None:
        while (shim := self._idle.take(apart)) is not None:
            try:
                shim.spawn(process, body, fds)
            except ConnectionError:  # it was killed, and its end is yet to be read
                self._drop(shim)
            except OSError:
                self._idle.put(shim)
                raise
            else:
                return
        shim = self._new_shim(apart)
        try:
            shim.spawn(process, body, fds)
        except ConnectionError:  # it could not be forked, or was killed: the keeper will tell
            shim.take_on(process)
        except OSError:
            self._idle.put(shim)
            raise

    def _new_shim(self, apart: bool) -> ShimLink:
        try:
            return self._fork_shim(apart)
        except ConnectionError:  # the keeper was killed, and its end is yet to be read
            self._keeper = None
            return self._fork_shim(apart)

    def _fork_shim(self, apart: bool) -> ShimLink:
        with no_fork:
            if self._keeper is None:
                dispatcher, on_gone, on_end = self._dispatcher, self._on_gone, self._on_keeper_end
                self._keeper = KeeperLink(dispatcher, self._python, on_gone, on_end)
                self._keepers.add(self._keeper)
            number, keeper = next(self._numbers), self._keeper
            sock = keeper.fork_shim(number, apart)
            told = self._on_free, self._on_shim_end
            shim = ShimLink(number, apart, keeper, self._dispatcher, sock, *told)
        self._shims[number] = shim
        return shim

    def _drop(self, shim: ShimLink) -> None:
        """Know nothing of it any more."""
        shim.channel.close()
        self._shims.pop(shim.number, None)
        self._idle.discard(shim)

    def _on_free(self, shim: ShimLink, reusable: bool) -> None:
        if not reusable or self._closing or shim.keeper.ended:
            self._drop(shim)
        else:
            self._idle.put(shim)
            while (surplus := self._idle.surplus(len(self._shims))) is not None:
                self._drop(surplus)
        self._look_whether_gone()

    def _on_shim_end(self, shim: ShimLink) -> None:
        """Its socket ended. What it owned is the keeper's now, which will tell."""
        if shim.process is None:
            self._drop(shim)
        elif shim.keeper.ended:
            self._resolve(shim)
        self._look_whether_gone()

    def _on_gone(
        self, number: int, reason: int, killed: int, survivors: tuple[Survivor, ...]
    ) -> None:
        """The keeper knows that a shim is gone, and its tree as well."""
        shim = self._shims.get(number)
        if shim is None:
            return
        if not shim.channel.closed:
            shim.channel.read()  # its last words
        self._drop(shim)
        if reason:
            self._tell_not_started(shim, reason)
        elif shim.keeper.subreaper:
            shim.tell_last(Lost("its shim was killed", killed, survivors))
        else:
            self._resolve(shim)
        self._look_whether_gone()

    def _on_keeper_end(self, keeper: KeeperLink) -> None:
        """Its shims end their trees now, and tell; those that are gone as well cannot."""
        self._keepers.discard(keeper)
        if self._keeper is keeper:
            self._keeper = None
        for shim in [shim for shim in self._shims.values() if shim.keeper is keeper]:
            shim.cause = "its keeper was killed"
            if shim.process is None:
                self._drop(shim)
            elif shim.channel.closed:
                self._resolve(shim)
        self._look_whether_gone()

    def _tell_not_started(self, shim: ShimLink, number: int) -> None:
        failed = SpawnFailed("keeper", number, self._python)
        shim.tell_last(Lost(shim.cause, 0) if self._closing else failed)

    def _resolve(self, shim: ShimLink) -> None:
        """Nobody above its process is left."""
        self._drop(shim)
        process = shim.process
        if process is None:
            return
        if not shim.keeper.ready:
            shim.tell_last(SpawnFailed("keeper", 0, self._python))
            return
        if shim.keeper.finished and process.pid is None:
            self._tell_not_started(shim, errno.EAGAIN)
            return
        killed, survivors = end_orphans(process.pid or 0, process.start_time, process.brand)
        reason = shim.cause if self._closing else "its shim was killed, and its keeper as well"
        shim.tell_last(Lost(reason, killed, survivors))

    def _begin_close(self) -> None:
        self._closing = True
        self._give_back_null()
        for shim in self._idle:
            self._drop(shim)
        for shim in self._shims.values():
            shim.cause = "the host was closed"
        for channel in self._channels():
            channel.say_goodbye()
        self._look_whether_gone()

    def _channels(self) -> list[Channel]:
        channels = [shim.channel for shim in self._shims.values()]
        channels += [keeper.channel for keeper in self._keepers]
        return [channel for channel in channels if not channel.closed]

    def _look_whether_gone(self) -> None:
        if self._closing and not self._shims and not self._keepers:
            self._all_gone.set()

    def _break_off(self) -> None:
        """They take too long: leave them to themselves, and say so."""
        for keeper in list(self._keepers):
            keeper.channel.close()
            keeper.kill()
        self._keepers.clear()
        for shim in list(self._shims.values()):
            self._drop(shim)
            pid = shim.process.pid if shim.process else None
            alive = () if pid is None else (Survivor(pid, "not proven to be gone"),)
            shim.tell_last(Lost("it did not end while closing", 0, alive))
        self._all_gone.set()

    def __repr__(self) -> str:
        busy = len(self._shims) - len(self._idle)
        state = "closed" if self._closing else f"{busy} running, {len(self._idle)} idle shims"
        return f"<ProcessHost {state}>"
