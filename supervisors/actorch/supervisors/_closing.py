"""How a system is closed: from threads, from asyncio, from `with`, and when the program ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from actorch.actors import DispatcherClosedError, Future, WouldBlockError

from ._ending import Ending
from ._shutdown import CoordinatedShutdown, Pace, ShutdownPhase
from ._shutdown_task import ShutdownTask

__all__ = ["Closing"]

AT_EXIT: Final = 5.0
"""Seconds that any one wait may take while the program ends, but for the agents' own time."""


class Closing(Ending):
    """The part of an `ActorSystem` that ends it."""

    _pid: int
    _lock: threading.RLock
    _shutdown: CoordinatedShutdown
    _closing: bool

    def on_shutdown(
        self,
        phase: ShutdownPhase,
        function: Callable[[], object],
        *,
        name: str | None = None,
        timeout: float = 10.0,
    ) -> ShutdownTask:
        """Have a function called when the system is closed.

        The phases are ``drain`` (take no more work: new runs are refused, but nothing is stopped
        yet), ``flush`` (no agent runs any more, and the system can still be asked) and ``end``
        (nothing of the system is left). Tasks of one phase run side by side, each on a daemon
        thread of its own. What a task raises is logged. One that is stuck is logged with its stack,
        and left behind.

        Args:
            phase: when to call it.
            function: what to call. If it returns a future or an awaitable, that is waited for: on
                the event loop that runs here, if one does and still runs then; else on the thread.
            name: for logs; default the function's own.
            timeout: seconds that it may take.

        Returns:
            what cancels it.

        Raises:
            UsageError: there is no such phase for tasks, or that is no number of seconds.
            DispatcherClosedError: the system is being closed, or was made by the parent process.
        """
        if os.getpid() != self._pid:
            raise DispatcherClosedError("this ActorSystem is the parent process's; make a new one")
        return self._shutdown.add(phase, function, name, timeout)

    def close(self, timeout: float | None = None) -> None:
        """Stop every run politely, write what is left to write, and give everything back.

        Returns when no process and no thread of the system is left. Idempotent: a second caller
        waits for the first, and one that comes after an interruption goes on where that stopped. In
        a forked child it does nothing.

        What is stuck does not hold up the rest: a handler or a task that never returns is logged
        with its stack, and its thread, a daemon, is left behind. If that is the system's own
        thread, as in a receiver, what then runs is ended without it, and the history of such runs
        says that they were interrupted.

        Args:
            timeout: seconds after which what still runs is killed; None leaves every agent the
                grace of its own stop steps. They begin when the tasks of phase ``drain`` are over.

        Raises:
            WouldBlockError: called on a thread of the system, as from a signal's receiver or a
                task of its shutdown.
        """
        if os.getpid() == self._pid:  # a forked child has only a copy of it, which nothing runs
            self._refuse_to_wait()
            self._close(Pace(timeout))

    async def aclose(self, timeout: float | None = None) -> None:
        """The same as `close`, without blocking the event loop.

        The work is done on a thread. Cancelling whoever awaits it does not stop it: the system
        closes all the same, and a second call waits for that.

        Args:
            timeout: as for `close`.
        """
        if os.getpid() == self._pid and not self._shutdown.over:
            await self._close_elsewhere(timeout)

    def _close_elsewhere(self, timeout: float | None) -> Future[None]:
        future = Future[None]()

        def close() -> None:
            try:
                self.close(timeout)
            except BaseException:
                future.set_exception()
            else:
                future.set()

        try:
            threading.Thread(target=close, name="actorch-close", daemon=True).start()
        except RuntimeError:  # there is no thread to be had, as in a program that ends
            close()
        return future

    def _close_at_exit(self, timeout: float) -> None:
        """The program ends: close what is open, in bounded time, and without a new thread."""
        with suppress(KeyboardInterrupt):  # somebody is in a hurry; the keeper sees to the rest
            if os.getpid() == self._pid and not self._shutdown.over:
                self._close(Pace(timeout, cap=AT_EXIT))

    def _close(self, pace: Pace) -> None:
        with self._lock:
            self._closing = True
        self._shutdown.run(pace, self._hurry)

    def _refuse_to_wait(self) -> None:
        if self._dispatcher.in_thread():
            raise WouldBlockError("close the system from another thread than its own")
        self._dispatcher.refuse_to_wait("closing a system")
        self._shutdown.refuse_to_wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
