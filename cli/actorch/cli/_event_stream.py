"""`--events`: one JSON object a line on standard output, flushed, as things happen."""

from __future__ import annotations

import sys

from actorch.actors import Clock, Event

from ._documents import event_document
from ._json import as_json
from ._view import Quiet

__all__ = ["EventStream"]


class EventStream(Quiet):
    """Prints every event.

    Args:
        clock: says when.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def show(self, event: Event | None) -> None:
        """Print an event."""
        if event is not None:
            sys.stdout.write(as_json(event_document(event, self._clock.time())) + "\n")
            sys.stdout.flush()
