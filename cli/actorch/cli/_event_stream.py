"""`--events`: one JSON object a line on standard output, flushed, as things happen."""

from __future__ import annotations

import sys

from actorch.actors import Clock, Event
from actorch.supervisors import RunResult

from ._documents import as_json, event_document
from ._terminal import say

__all__ = ["EventStream"]


class EventStream:
    """Prints every event.

    Args:
        clock: says when.
    """

    tick: float | None = None
    wants_output = True

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def show(self, event: Event | None) -> None:
        """Print an event."""
        if event is not None:
            sys.stdout.write(as_json(event_document(event, self._clock.time())) + "\n")
            sys.stdout.flush()

    def say(self, text: str) -> None:
        """One line of actorch's own, on standard error."""
        say(text)

    def finish(self, result: RunResult | None) -> None:
        """The last event was the end."""
