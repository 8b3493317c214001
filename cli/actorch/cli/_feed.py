"""From the system's thread to the one that prints: events, in order, never blocking a sender."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, SimpleQueue

from actorch.actors import AgentOutput, Event

__all__ = ["Feed"]


class Feed:
    """Takes events on the system's thread, gives them on the one that asks for the next.

    However slow that one is, there waits at most one piece of news about the output of an attempt:
    the bytes themselves are in its files.

    Attributes:
        over: whether the last event has been given.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._grown: set[str] = set()
        self.over = False

    def __call__(self, _sender: object, *, event: Event) -> None:
        """Take an event."""
        if isinstance(event, AgentOutput):
            if event.stdout_path in self._grown:
                return
            self._grown.add(event.stdout_path)
        self._queue.put(event)

    def finish(self) -> None:
        """There will be no more."""
        self._queue.put(None)

    def next(self, patience: float | None) -> Event | None:
        """The next event; None after `patience` seconds without one, and at the end (`over`)."""
        try:
            event = self._queue.get(timeout=patience)
        except Empty:
            return None
        self.over = event is None
        if isinstance(event, AgentOutput):
            self._grown.discard(event.stdout_path)
        return event

    def rest(self) -> Iterator[Event]:
        """What has come since the end."""
        while not self._queue.empty():
            if (event := self.next(0.0)) is not None:
                yield event

    def __repr__(self) -> str:
        return f"<Feed, {self._queue.qsize()} waiting>"
