"""What a run gives while it goes on, for threads and for asyncio."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, Generic, Self, TypeVar

from actorch.actors import DispatcherClosedError
from actorch.actors._here import refuse_to_wait

from ._inbox import Inbox
from ._subscribers import Subscribers

__all__ = ["Subscription"]

T = TypeVar("T")

TURN: Final = 128
"""Items after which an event loop gets its turn, though there are more."""
_END: Final[Iterator[Any]] = iter(())


class Subscription(Generic[T]):
    """An iterator over what comes, until the end: `for` blocks its thread, `async for` no loop.

    However late its consumer is, no agent and no actor waits for it. It ends by itself; `close`
    ends it earlier, as does leaving a `with` or an `async with` block, or forgetting it. Each is
    for one consumer; ask the run for as many as you need. Made by `Run.events` and `Run.lines`.

    Raises:
        WouldBlockError: by `next`, on the system's own thread, as in a signal's receiver.
        DispatcherClosedError: by `next`, in a forked child.
    """

    def __init__(
        self, subscribers: Subscribers, inbox: Inbox, batches: Iterator[Iterator[T] | None]
    ) -> None:
        """Subscribe.

        Args:
            subscribers: the others.
            inbox: what is filled, and rung.
            batches: of what is given; None if there is nothing for now. It must not know of this
                object, which is to be collected as soon as it is forgotten.
        """
        self._subscribers = subscribers
        self._inbox = inbox
        self._batches = batches
        self._batch: Iterator[T] = _END
        self._given = 0
        self._pid = os.getpid()
        subscribers.join(inbox)

    def close(self) -> None:
        """Give no more; whoever waits for the next item sees the end. From any thread."""
        self._batch = _END
        if not self._inbox.closed:
            self._inbox.close()
            self._subscribers.leave(self._inbox)

    async def aclose(self) -> None:
        """The same as `close`."""
        self.close()

    def _refill(self) -> bool:
        """Take the next batch, if there is one, or else the end; whether there is anything."""
        if os.getpid() != self._pid:
            raise DispatcherClosedError("the run goes on in the parent process; iterate there")
        batch = _END if self._inbox.closed else next(self._batches, _END)
        if batch is _END:
            self.close()
        elif batch is not None:
            self._batch = batch
        return batch is not None

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        while (item := next(self._batch, None)) is None:
            refuse_to_wait("iterating over a run")
            if not self._refill():
                self._inbox.news().get()
            elif self._inbox.closed:
                self.close()
                raise StopIteration
        return item

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        self._given += 1
        if self._given % TURN == 0:
            await _pause()
        while (item := next(self._batch, None)) is None:
            if not self._refill():
                news = self._inbox.news()
                await (_pause() if news.done() else news)
            elif self._inbox.closed:
                self.close()
                raise StopAsyncIteration
        return item

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Subscription {self._inbox!r}>"


async def _pause() -> None:
    import asyncio  # here, since most programs that import us have no use for it

    await asyncio.sleep(0)
