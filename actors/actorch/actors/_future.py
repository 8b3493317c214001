"""An answer that is here now, or will be."""

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast

import pykka

from ._clock import SystemClock
from ._here import here, refuse_to_wait
from ._report import report

if TYPE_CHECKING:
    import asyncio

__all__ = ["Future"]

T = TypeVar("T")
J = TypeVar("J")
M = TypeVar("M")
R = TypeVar("R")

OptExcInfo: TypeAlias = tuple[
    type[BaseException] | None, BaseException | None, TracebackType | None
]

_log = logging.getLogger("actorch.actor")
_real_now = SystemClock().now


class _Lock(Protocol):
    """What `threading.Lock` and `threading.RLock` have in common."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...


class Future(pykka.Future[T]):
    """A pykka future that also calls back, and that asyncio can await without being blocked.

    Everything pykka says of futures holds. Those made by `map`, `filter`, `reduce` and `join` are
    done when all they are made from is done, and work their value out when it is asked for.
    """

    sources: tuple[Future[Any], ...] | None = None
    """What this is made from, if it is."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._done = False
        self._value: T | None = None
        self._error: OptExcInfo | None = None
        self._callbacks: list[Callable[[Future[T]], object]] | None = None

    def done(self) -> bool:
        """Whether `get` would return, or raise what it holds, without waiting."""
        if self.sources is not None:
            return all(source.done() for source in self.sources)
        return self._done

    def get(self, *, timeout: float | None = None) -> T:
        """Wait for the value.

        Args:
            timeout: real seconds to wait at most; None to wait for ever.

        Returns:
            the value, any number of times.

        Raises:
            pykka.Timeout: it did not come in time.
            WouldBlockError: it is not here yet, and this is a dispatcher's own thread.
            BaseException: what was set as the exception.
        """
        if self._get_hook is not None:
            return self._pull(timeout)
        if not self._done:
            self._wait(timeout)
        if self._error is not None:
            raise _raisable(self._error)
        return cast("T", self._value)

    def _wait(self, timeout: float | None) -> None:
        if timeout is not None and timeout <= 0:
            raise pykka.Timeout(f"{timeout} seconds")
        refuse_to_wait("waiting for a future")
        bell = threading.Lock()
        bell.acquire()

        def ring(_future: Future[T]) -> None:
            bell.release()

        self.add_done_callback(ring)
        try:
            in_time = _acquire(bell, timeout)
        finally:
            self._forget(ring)
        if not in_time and not self._done:
            raise pykka.Timeout(f"{timeout} seconds")

    def _pull(self, timeout: float | None) -> T:
        """Work the value out, once, on the first thread that asks."""
        if self._done:
            return cast("T", self._value)
        begun = _real_now()
        if not _acquire(self._turn, 0 if here.loop is not None else timeout):
            refuse_to_wait("waiting for another thread's look at a future")
            raise pykka.Timeout(f"{timeout} seconds")
        try:
            if not self._done:
                left = None if timeout is None else max(0.0, timeout - (_real_now() - begun))
                self._keep(super().get(timeout=left), None)
        finally:
            self._turn.release()
        return cast("T", self._value)

    def set(self, value: T | None = None) -> None:
        """Set the value.

        Raises:
            queue.Full: it has one already.
        """
        if self._get_hook is not None:
            raise queue.Full
        self._keep(value, None)

    def set_exception(self, exc_info: OptExcInfo | None = None) -> None:
        """Set an exception, which `get` raises.

        Args:
            exc_info: as `sys.exc_info` returns it; default the exception being handled.

        Raises:
            queue.Full: it has a value already.
        """
        if self._get_hook is not None:
            raise queue.Full
        self._keep(None, exc_info or sys.exc_info())

    def _keep(self, value: T | None, error: OptExcInfo | None) -> None:
        with self._lock:
            if self._done:
                raise queue.Full
            self._value = value
            self._error = error
            self._done = True
            callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            self._call(callback)

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Have `func` called, with the timeout, when somebody asks for the value.

        Raises:
            queue.Full: it has a value already.
        """
        with self._lock:
            if self._done:
                raise queue.Full
            self._turn = threading.RLock()
            super().set_get_hook(func)

    def add_done_callback(self, function: Callable[[Future[T]], object]) -> None:
        """Have `function` called with this future once it is done; at once if it is.

        It runs in the thread that sets the value, which may be a dispatcher's: be quick. What it
        raises is logged.
        """
        if self.sources is not None:
            self._after(list(self.sources), function)
            return
        with self._lock:
            if not self._done:
                if self._callbacks is None:  # many never need it
                    self._callbacks = []
                self._callbacks.append(function)
                return
        self._call(function)

    def _forget(self, function: Callable[[Future[T]], object]) -> None:
        """Whoever waited does so no longer."""
        with self._lock, contextlib.suppress(ValueError):
            (self._callbacks or []).remove(function)

    def _after(self, sources: list[Future[Any]], function: Callable[[Future[T]], object]) -> None:
        while sources:
            source = sources.pop()
            if not source.done():
                source.add_done_callback(lambda _future: self._after(sources, function))
                return
        self._call(function)

    def _call(self, function: Callable[[Future[T]], object]) -> None:
        try:
            function(self)
        except BaseException as error:
            report(_log, error, "callback %r of a future raised", function)

    def map(self, func: Callable[[T], M]) -> Future[M]:
        """A future of what `func` makes of the value."""
        return _made_from(lambda timeout: func(self.get(timeout=timeout)), self)

    def filter(self: Future[Iterable[J]], func: Callable[[J], bool]) -> Future[Iterable[J]]:
        """A future of the list of the items for which `func` is true."""
        return self.map(lambda items: [item for item in items if func(item)])

    def reduce(self: Future[Iterable[J]], func: Callable[[R, J], R], *args: R) -> Future[R]:
        """A future of what `functools.reduce` makes of the items."""
        return self.map(lambda items: functools.reduce(func, items, *args))

    def join(self: Future[Any], *futures: pykka.Future[Any]) -> Future[Iterable[Any]]:
        """A future of the list of all values, this one's first."""
        sources = (self, *futures)
        return _made_from(
            lambda timeout: [source.get(timeout=timeout) for source in sources], *sources
        )

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done():
            yield from self._asyncio_wait()
        return self.get(timeout=0)

    __iter__ = __await__

    def _asyncio_wait(self) -> Generator[Any, None, None]:
        import asyncio  # here, since most programs that import us have no use for it

        loop = asyncio.get_running_loop()
        if self._get_hook is not None and self.sources is None:
            # Only its hook knows when it is done, and the hook may block.
            yield from loop.run_in_executor(None, self.get).__await__()
            return
        waiter: asyncio.Future[None] = loop.create_future()

        def wake(_future: Future[T]) -> None:
            with contextlib.suppress(RuntimeError):  # that loop was closed meanwhile
                loop.call_soon_threadsafe(_release, waiter)

        self.add_done_callback(wake)
        try:
            yield from waiter.__await__()
        finally:
            self._forget(wake)

    def __repr__(self) -> str:
        if self._done:
            shown = repr(self._error[1] if self._error is not None else self._value)
        else:
            shown = "ready" if self.done() else "pending"
        return f"<Future: {shown}>"


def _raisable(error: OptExcInfo) -> BaseException:
    kind, value, traceback = error
    if value is None:
        value = kind() if kind is not None else RuntimeError("no exception was being handled")
    return value if value.__traceback__ is traceback else value.with_traceback(traceback)


def _acquire(lock: _Lock, timeout: float | None) -> bool:
    if timeout is None:
        return lock.acquire()
    return lock.acquire(timeout=min(max(0.0, timeout), threading.TIMEOUT_MAX))


def _made_from(hook: Callable[[float | None], M], *sources: pykka.Future[Any]) -> Future[M]:
    """A future that knows what it is made from, unless there are others' futures among that."""
    made = Future[M]()
    made.set_get_hook(hook)
    ours = tuple(source for source in sources if isinstance(source, Future))
    if len(ours) == len(sources):
        made.sources = ours
    return made


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
