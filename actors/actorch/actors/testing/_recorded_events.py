"""The events of a system, kept in their order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol, Self, TypeVar, overload

import pykka

from .._events import AgentChanged, Event, Events
from .._here import refuse_to_wait

__all__ = ["RecordedEvents"]

_SHOWN: Final = 10
"""How many of the events that came are named where the awaited one did not."""

E = TypeVar("E", bound=Event)


class HasEvents(Protocol):
    """A system."""

    events: Events


class RecordedEvents:
    """Keeps what a system announces, from now until it is closed.

    As in::

        with RecordedEvents(system) as events:
            run = system.run([AgentSpec("lint", ["ruff", "check", "."])])
            finished = events.wait_for(RunFinished)

    Args:
        source: an `ActorSystem`, or its `events`.
    """

    def __init__(self, source: HasEvents | Events) -> None:
        self._events = source if isinstance(source, Events) else source.events
        self._kept: list[Event] = []
        self._forgotten = 0
        self._came = threading.Condition()
        self._events.connect_all(self._keep)

    def _keep(self, sender: object, *, event: Event) -> None:
        with self._came:
            self._kept.append(event)
            self._came.notify_all()

    @property
    def all(self) -> tuple[Event, ...]:
        """Those that have come so far, in their order."""
        with self._came:
            return tuple(self._kept[self._forgotten :])

    def of(self, kind: type[E]) -> tuple[E, ...]:
        """Those of one type."""
        return tuple(event for event in self.all if isinstance(event, kind))

    @overload
    def wait_for(self, what: type[E], timeout: float = 10.0) -> E: ...

    @overload
    def wait_for(self, what: Callable[[Event], object], timeout: float = 10.0) -> Event: ...

    def wait_for(
        self, what: type[Event] | Callable[[Event], object], timeout: float = 10.0
    ) -> Event:
        """The first event of that kind, which may have come already; waits if it has not.

        Args:
            what: a type of events, or what is true of the event.
            timeout: real seconds to wait at most.

        Raises:
            pykka.Timeout: none came in time. It says what came instead.
            WouldBlockError: called on a dispatcher's own thread, as by a receiver.
        """
        refuse_to_wait("wait_for")
        looked = 0

        def found() -> Event | None:
            nonlocal looked
            fresh, looked = self._kept[max(looked, self._forgotten) :], len(self._kept)
            return next((event for event in fresh if _matches(event, what)), None)

        with self._came:
            event = self._came.wait_for(found, timeout)
            if event is None:
                raise pykka.Timeout(self._complaint(what, timeout))
            return event

    def _complaint(self, what: object, timeout: float) -> str:
        names = [_name_of(event) for event in self._kept[self._forgotten :]]
        more = len(names) - _SHOWN
        came = [f"{more} others", *names[-_SHOWN:]] if more > 0 else names
        wanted = what.__name__ if isinstance(what, type) else "such event"
        return f"no {wanted} within {timeout:g} s; there came {', '.join(came) or 'nothing'}"

    def clear(self) -> None:
        """Forget what has come so far."""
        with self._came:
            self._forgotten = len(self._kept)

    def close(self) -> None:
        """Keep no more; what has come stays. Idempotent."""
        self._events.disconnect_all(self._keep)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<RecordedEvents: {len(self.all)} have come>"


def _matches(event: Event, what: type[Event] | Callable[[Event], object]) -> bool:
    return isinstance(event, what) if isinstance(what, type) else bool(what(event))


def _name_of(event: Event) -> str:
    name = type(event).__name__
    if isinstance(event, AgentChanged):
        return f"{name} ({event.agent.name} {event.agent.state.value})"
    return name
