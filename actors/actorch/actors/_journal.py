"""The Journal actor: it owns the SQLite file in which every run, agent and attempt is written.

All records that have arrived by the time it looks go into one transaction, however many agents
sent them. It never raises for want of a disk: it says so, keeps what is not written while the file
is locked or the disk is full, and tries again with the next records. A file that cannot be opened
is not tried again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final

from ._actor import Actor
from ._clock import SystemClock
from ._database import BUSY_TIMEOUT, open_database, record_key, write_records
from ._errors import DispatcherClosedError, SchemaTooNewError
from ._ledger import Ledger
from ._leftovers import Leftover, Search
from ._messages import WriteRecords
from ._records import Record

__all__ = ["Journal"]

KEPT: Final = 100_000
"""Records kept in memory for a disk that comes back."""


class Journal(Actor):
    """Writes records in groups, each group one transaction.

    Args:
        path: the SQLite file; its directory must exist.
        on_committed: called on the dispatcher's thread with the number of the last message whose
            records are on disk (or are known not to get there).
        on_lost: called on the dispatcher's thread with the reason why nothing is recorded any more,
            or with None once everything is again.
        on_leftovers: called on the dispatcher's thread with the processes that runs which crashed
            have left, if there are any.
    """

    blocking = True

    def __init__(
        self,
        path: str,
        on_committed: Callable[[int], None],
        on_lost: Callable[[str | None], None],
        on_leftovers: Callable[[list[Leftover]], None],
    ) -> None:
        super().__init__()
        self._path = path
        self._on_committed = on_committed
        self._on_lost = on_lost
        self._on_leftovers = on_leftovers
        self._database: sqlite3.Connection | None = None
        self._pending: dict[tuple[object, ...], Record] = {}
        self._number = 0
        self._lost = False

    def on_start(self) -> None:
        """Open the file, bring its schema up to date, and close the rows of dead owners."""
        try:
            self._database = open_database(self._path)
            self._look_after_the_dead(Ledger(self._database))
        except (sqlite3.Error, OSError, SchemaTooNewError) as error:
            self._lose(error)

    def _look_after_the_dead(self, ledger: Ledger) -> None:
        ledger.close_orphaned_runs()
        attempts = ledger.uncollected()
        search = Search(attempts)
        if attempts and (left := search.find()):
            self.dispatcher.call_soon(self._on_leftovers, left)
        elif attempts and search.settled:
            ledger.mark_collected({one.run_id for one in attempts}, SystemClock().time())

    def on_receive(self, message: object) -> None:
        """Keep the records for the end of this wake-up."""
        if isinstance(message, WriteRecords):
            self._number = message.number
            for record in message.records:
                self._pending[record_key(record)] = record

    def on_drained(self) -> None:
        """Commit what has arrived, then let those who wait know."""
        if self._pending and self._database is not None:
            try:
                write_records(self._database, self._pending.values())
            except (sqlite3.Error, OSError) as error:
                self._lose(error)
            else:
                self._pending.clear()
                self._recover(self._database)
        if self._database is None or len(self._pending) > KEPT:
            self._pending.clear()
        self._tell(self._on_committed, self._number)

    def on_stop(self) -> None:
        """Write what is left, and close the file."""
        if self._database is None:
            return
        try:
            if self._pending:
                write_records(self._database, self._pending.values())
        except (sqlite3.Error, OSError) as error:
            self._lose(error)
        self._close()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._close()

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _lose(self, error: Exception) -> None:
        if self._database is not None:
            self._database.execute("PRAGMA busy_timeout = 0")  # one long wait is enough
        if not self._lost:
            self._lost = True
            self._tell(self._on_lost, f"{self._path}: {error}")

    def _recover(self, database: sqlite3.Connection) -> None:
        if self._lost:
            self._lost = False
            database.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
            self._tell(self._on_lost, None)

    def _tell(self, function: Callable[..., object], *args: object) -> None:
        """Call it on the dispatcher's thread, unless that was given up: then write all the same."""
        with suppress(DispatcherClosedError):
            self.dispatcher.call_soon(function, *args)

    def __repr__(self) -> str:
        state = "not recording" if self._lost else "recording"
        return f"<Journal {state} to {self._path}, {len(self._pending)} waiting>"
