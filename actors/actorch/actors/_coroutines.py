"""The asyncio event loop on which a dispatcher runs its actors' ``async def`` handlers."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from ._future import Future
from ._here import here

if TYPE_CHECKING:
    import asyncio

__all__ = ["Coroutines"]


class Coroutines:
    """One event loop on a daemon thread of its own; both are made when first needed.

    Args:
        name: of the dispatcher, for the thread's name.

    Attributes:
        name: shown in errors.
    """

    def __init__(self, name: str) -> None:
        self.name = f"{name}-asyncio"
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: dict[Future[Any], asyncio.Task[Any]] = {}
        self._closed = False

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run a coroutine to its end; a future of what it returns or raises. From any thread."""
        future = Future[Any]()
        loop = self._started()
        if loop is None:
            coroutine.close()
            _fail(future, RuntimeError(f"the event loop {self.name!r} is closed"))
        else:
            loop.call_soon_threadsafe(self._begin, coroutine, future)
        return future

    def cancel(self, future: Future[Any]) -> None:
        """Cancel the coroutine of that future. From any thread; without effect once it is over."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # closed meanwhile
                self._loop.call_soon_threadsafe(self._cancel, future)

    def end(self, timeout: float) -> threading.Thread | None:
        """Cancel what still runs, and end the thread.

        Returns:
            the thread, if it has not ended within `timeout` real seconds.
        """
        with self._lock:
            self._closed = True
        if self._loop is None or self._thread is None:
            return None
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout)
        return self._thread if self._thread.is_alive() else None

    def abandon(self) -> None:
        """In a forked child, which has no such thread: be closed."""
        self._lock = threading.Lock()
        self._closed = True
        loop, self._loop, self._thread = self._loop, None, None
        self._tasks.clear()
        if loop is not None:
            loop.stop()  # it is no one's now: have it closed without a warning
            with contextlib.suppress(RuntimeError):
                loop.close()

    def _started(self) -> asyncio.AbstractEventLoop | None:
        with self._lock:
            if self._closed:
                return None
            if self._loop is None:
                import asyncio  # here, since most programs have no such handler

                self._loop = asyncio.new_event_loop()
                args = (self._loop,)
                self._thread = threading.Thread(
                    target=self._serve, args=args, name=self.name, daemon=True
                )
                self._thread.start()
            return self._loop

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        import asyncio

        here.loop = self
        asyncio.set_event_loop(loop)
        try:
            self._run(loop)
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run what comes, until `end`."""
        while True:
            try:
                loop.run_forever()
                return
            except (SystemExit, KeyboardInterrupt):  # of a coroutine: its actor's end, not ours
                if self._closed:
                    loop.stop()  # again, since this may have been forgotten

    def _begin(self, coroutine: Coroutine[Any, Any, Any], future: Future[Any]) -> None:
        assert self._loop is not None
        task = self._tasks[future] = self._loop.create_task(coroutine)
        task.add_done_callback(lambda _task: self._finish(future))

    def _cancel(self, future: Future[Any]) -> None:
        if (task := self._tasks.get(future)) is not None:
            task.cancel()

    def _finish(self, future: Future[Any]) -> None:
        task = self._tasks.pop(future)
        try:
            future.set(task.result())
        except BaseException:
            future.set_exception(sys.exc_info())

    def __repr__(self) -> str:
        state = "closed" if self._closed else "idle" if self._loop is None else "running"
        return f"<Coroutines {self.name!r}: {state}, {len(self._tasks)} under way>"


def _fail(future: Future[Any], error: BaseException) -> None:
    future.set_exception((type(error), error, None))
