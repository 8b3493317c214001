"""The loop's side of the journal: nothing is told before it is on disk, nothing waits for ever."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

import pykka

from ._errors import ActorError
from ._messages import WriteRecords
from ._records import Record
from ._report import report

__all__ = ["Recorder"]

_log = logging.getLogger("actorch.journal")


class Tellable(Protocol):
    """What the recorder needs of the journal's reference."""

    def tell(self, message: object) -> None:
        """Put a message into its mailbox."""
        ...


class Recorder:
    """Hands records to the journal, and runs what waits for them once they are committed.

    Lives on the dispatcher's thread. What is written in one turn of the loop travels together:
    each message to the journal's thread costs both threads a fight for the interpreter. When the
    journal is gone, or was never there, what waits runs at once: a full disk must not keep a fleet
    from its verdict.

    Args:
        soon: calls a function in the next turn of the loop.
    """

    def __init__(self, soon: Callable[[Callable[[], object]], object]) -> None:
        self._soon = soon
        self._journal: Tellable | None = None
        self._number = 0
        self._unsent: list[Record] = []
        self._scheduled = False
        self._waiting: deque[tuple[int, Callable[[], object]]] = deque()

    def attach(self, journal: Tellable) -> None:
        """From now on, write to this journal."""
        self._journal = journal

    def write(self, *records: Record, then: Callable[[], object] | None = None) -> None:
        """Write records; call `then` once they are on disk, or cannot be."""
        self._number += 1
        self._unsent += records
        if then is not None:
            self._waiting.append((self._number, then))
        if not self._scheduled:
            self._scheduled = True
            self._soon(self.flush)

    def flush(self) -> None:
        """Send what has gathered."""
        self._scheduled = False
        records, self._unsent = tuple(self._unsent), []
        if self._journal is None:
            self.committed(self._number)
            return
        try:
            self._journal.tell(WriteRecords(self._number, records))
        except (pykka.ActorDeadError, ActorError):
            self.detach()

    def committed(self, number: int) -> None:
        """Everything up to `number` is as much on disk as it will be."""
        while self._waiting and self._waiting[0][0] <= number:
            then = self._waiting.popleft()[1]
            try:
                then()
            except Exception as error:  # it must not strand those behind it
                report(_log, error, "%r raised", then)

    def detach(self) -> None:
        """The journal is gone; nobody waits for it any longer."""
        self._journal = None
        self.committed(self._number)

    def __repr__(self) -> str:
        to = "a journal" if self._journal else "nowhere"
        return f"<Recorder to {to}, {len(self._waiting)} waiting>"
