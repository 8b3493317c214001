"""What is called when a system ends, on a thread of its own that can be left behind."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

import pykka

from actorch.actors import SystemClock
from actorch.actors._report import report
from actorch.actors._stuck import stack_of

if TYPE_CHECKING:
    import asyncio
    import concurrent.futures

__all__ = ["ShutdownTask"]

_log = logging.getLogger("actorch.shutdown")
_real_now: Final = SystemClock().now


class ShutdownTask:
    """A function that is called in a phase of a system's end. Made by `ActorSystem.on_shutdown`.

    Its thread, a daemon, is started at once and sleeps until then: a program that is ending, or
    that has run out of threads, has none to give.

    Attributes:
        phase: when it is called.
        name: for logs.
        timeout: seconds that it may take.
    """

    def __init__(
        self, phase: str, function: Callable[[], object], name: str, timeout: float
    ) -> None:
        self.phase = phase
        self.name = name
        self.timeout = timeout
        self._function = function
        self._claimed = threading.Lock()  # by whoever is first: to call it, or to cancel it
        self._called = False
        self._deadline = 0.0
        self._go = threading.Event()
        self._over = threading.Event()
        self._loop = _running_loop()
        self._coroutine: Awaitable[object] | None = None
        self._on_loop: concurrent.futures.Future[object] | None = None
        self._thread = threading.Thread(target=self._run, name=f"shutdown-{name}", daemon=True)
        self._thread.start()

    def cancel(self) -> bool:
        """Have it not called.

        Returns:
            whether that was in time; False if it was cancelled before, too.
        """
        if not self._claimed.acquire(blocking=False):
            return False
        self._go.set()
        return True

    @property
    def cancelled(self) -> bool:
        """Whether it will not be called."""
        return self._claimed.locked() and not self._called

    def launch(self, cap: float) -> None:
        """Call it now, unless that was done before.

        Args:
            cap: seconds that it may take at most, however many it was given.
        """
        if self._claimed.acquire(blocking=False):
            self._called = True
            self._deadline = _real_now() + min(self.timeout, cap)
            self._go.set()

    def wait(self) -> None:
        """Wait until it is over; or, once its time is, leave its thread behind and say where."""
        if self.cancelled or self._over.wait(max(0.0, self._deadline - _real_now())):
            return
        text = "%r is not over in time, and left behind; its thread %r, a daemon, is here:\n%s"
        with suppress(Exception):  # of an application's log handler
            _log.error(text, self, self._thread.name, stack_of(self._thread) + self._awaited())
        if self._on_loop is not None:
            self._on_loop.cancel()

    def is_here(self) -> bool:
        """Whether the caller is on its thread, whose number may be another's once it has ended."""
        return threading.get_ident() == self._thread.ident and not self._over.is_set()

    def _run(self) -> None:
        self._go.wait()
        try:
            if self._called:
                self._see_through(self._function())
        except BaseException as error:  # SystemExit, too: it stops nothing
            report(_log, error, "%r raised", self)
        self._over.set()

    def _see_through(self, result: object) -> None:
        """Wait for what it has returned, if that is yet to come."""
        if isinstance(result, pykka.Future):
            result.get()
        elif isinstance(result, Awaitable):
            self._coroutine = cast("Awaitable[object]", result)
            self._await(_as_coroutine(self._coroutine))

    def _await(self, coroutine: Coroutine[Any, Any, object]) -> None:
        import asyncio  # here, since most programs that import us have no use for it

        if self._loop is None or not self._loop.is_running():
            asyncio.run(coroutine)
            return
        self._on_loop = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._on_loop.result()

    def _awaited(self) -> str:
        """Where the coroutine is that the thread waits for, from the outermost to the innermost."""
        lines: list[str] = []
        waiting: Any = self._coroutine
        while (frame := getattr(waiting, "cr_frame", None)) is not None:
            code = frame.f_code
            lines.append(f'\n  Awaiting "{code.co_filename}", line {frame.f_lineno}, ')
            lines.append(f"in {code.co_name}")
            waiting = waiting.cr_await
        return "".join(lines)

    def __repr__(self) -> str:
        if self._over.is_set():
            state = "over" if self._called else "cancelled"
        else:
            state = "running" if self._called else "waiting"
        return f"<ShutdownTask {self.name!r} of phase {self.phase!r}, {self.timeout:g} s: {state}>"


async def _as_coroutine(awaitable: Awaitable[object]) -> object:
    return await awaitable


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """The caller's event loop: what belongs to it is best closed on it."""
    if "asyncio" not in sys.modules:
        return None
    import asyncio

    with suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None
