"""What an actor waits for before anything else happens to it: a coroutine, or a future."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from ._future import Future

if TYPE_CHECKING:
    from ._coroutines import Coroutines

__all__ = ["COROUTINE", "Pending", "is_coroutine", "is_future"]

COROUTINE: Final[type] = CoroutineType
"""What calling an ``async def`` returns; known to `type` only, so that checkers narrow nothing."""


def is_coroutine(value: object) -> TypeGuard[Coroutine[Any, Any, Any]]:
    """Whether a handler was an ``async def``."""
    return type(value) is COROUTINE


def is_future(value: object) -> TypeGuard[Future[Any]]:
    """Whether a hook returned what is yet to come about."""
    return isinstance(value, Future)


class Pending:
    """One wait.

    Args:
        what: the coroutine, which is run on the dispatcher's event loop, or a future.
        coroutines: that event loop.
        then: called with the value by `finish`.
        on_error: called instead with what it raised.
        last: whether the actor ends with it, so that no kill cuts it short.
    """

    __slots__ = ("_cancelled", "_coroutines", "_future", "_last", "_on_error", "_then")

    def __init__(
        self,
        what: object,
        coroutines: Coroutines,
        then: Callable[[Any], object],
        on_error: Callable[[BaseException], object],
        *,
        last: bool = False,
    ) -> None:
        self._coroutines = coroutines
        self._then = then
        self._on_error = on_error
        self._last = last
        self._cancelled = False
        self._future: Future[Any] = coroutines.run(what) if is_coroutine(what) else _future_of(what)

    def on_done(self, function: Callable[[], object]) -> None:
        """Have `function` called once it is over, on whatever thread that happens."""
        self._future.add_done_callback(lambda _future: function())

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self._future.done()

    @property
    def cancelled(self) -> bool:
        """Whether it was to be cut short."""
        return self._cancelled

    def cancel(self) -> None:
        """Have the coroutine raise `asyncio.CancelledError` where it waits; once."""
        if not self._cancelled and not self._last:
            self._cancelled = True
            self._coroutines.cancel(self._future)

    def finish(self) -> None:
        """Go on with its value, or with what it raised."""
        try:
            value = self._future.get(timeout=0)
        except BaseException as error:
            self._on_error(error)
            return
        self._then(value)

    def __repr__(self) -> str:
        return f"<Pending {self._future!r}>"


def _future_of(value: object) -> Future[Any]:
    if is_future(value):
        return value
    made = Future[Any]()
    made.set(value)  # a hook that returned something else, which pykka ignores
    return made
