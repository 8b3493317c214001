"""The ledger: what the history says of runs whose owner is dead, and of those long over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from ._identity import Identity, boot_id, is_alive, is_out_of_sight

if TYPE_CHECKING:
    import sqlite3

__all__ = ["FinishedRun", "Ledger", "OpenAttempt"]

_OPEN: Final = "state IN ('pending', 'queued', 'starting', 'running', 'stopping', 'backoff')"
_INTERRUPTIONS: Final = tuple(
    " ".join([head, _OPEN])
    for head in (
        "UPDATE attempts SET state = 'interrupted' WHERE run_id = ? AND",
        "UPDATE agents SET state = 'interrupted' WHERE run_id = ? AND",
        "UPDATE runs SET state = 'interrupted' WHERE id = ? AND",
    )
)
_DELETIONS: Final = (
    "DELETE FROM attempts WHERE run_id = ?",
    "DELETE FROM agents WHERE run_id = ?",
    "DELETE FROM runs WHERE id = ?",
)
_LEFT: Final = "(a.state = 'interrupted' OR a.survivors IS NOT NULL)"
"""Whether an attempt of a run that is over may have left processes."""

_ATTEMPTS: Final = """
    SELECT a.run_id, a.agent, a.number, a.pid, a.start_time, a.brand, a.isolation, a.cgroup
    FROM attempts a JOIN runs r ON r.id = a.run_id WHERE r.boot_id = ? AND
"""
_UNCOLLECTED: Final = " ".join(
    [
        _ATTEMPTS,
        "r.collected IS NULL AND r.state != 'running' AND",
        _LEFT,
        "ORDER BY r.started, a.agent, a.number",
    ]
)
_OF_RUN: Final = " ".join([_ATTEMPTS, "r.id = ? AND", f"a.{_OPEN}"])
_FINISHED: Final = " ".join(
    [
        "SELECT id, name, state, coalesce(finished, started), directory FROM runs r",
        "WHERE state != 'running' AND (collected IS NOT NULL OR boot_id != ?",
        "OR NOT EXISTS (SELECT 1 FROM attempts a WHERE run_id = id AND",
        _LEFT,
        ")) ORDER BY 4",
    ]
)
_Row: TypeAlias = tuple[str, str, int, int | None, int | None, int | None, str | None, str | None]


class OpenAttempt(msgspec.Struct, frozen=True):
    """An attempt that nobody has seen the end of. The fields are those of its row."""

    run_id: str
    agent: str
    number: int
    pid: int | None = None
    start_time: int | None = None
    brand: int | None = None
    isolation: str | None = None
    cgroup: str | None = None


class FinishedRun(msgspec.Struct, frozen=True):
    """A run that is over, and where its output is. Times are seconds since the epoch."""

    id: str
    name: str
    state: str
    ended: float
    directory: str


class Ledger:
    """Questions to the history file, and what is done about the answers.

    Args:
        database: the file, open. All methods may raise `sqlite3.Error`.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._connection = database

    def orphaned_runs(self) -> list[str]:
        """The ids of runs that go on by their rows, while their owner is dead."""
        return [run_id for run_id, owner in self._owners() if not is_alive(owner)]

    def unseen_runs(self) -> list[str]:
        """The ids of runs that go on by their rows, and whose owner cannot be seen from here."""
        return [run_id for run_id, owner in self._owners() if is_out_of_sight(owner)]

    def _owners(self) -> list[tuple[str, Identity]]:
        query = """SELECT id, owner_pid, owner_start_time, boot_id, pid_namespace
                   FROM runs WHERE state = 'running' ORDER BY started"""
        rows: list[tuple[str, int, int, str, int | None]]
        rows = self._connection.execute(query).fetchall()
        return [
            (run_id, Identity(pid, start, boot, namespace or 0))
            for run_id, pid, start, boot, namespace in rows
        ]

    def close_orphaned_runs(self) -> list[str]:
        """Mark what a dead owner left open as interrupted; returns the ids of those runs."""
        dead = self.orphaned_runs()
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for run_id in dead:
                for statement in _INTERRUPTIONS:
                    self._connection.execute(statement, [run_id])
        return dead

    def uncollected(self) -> list[OpenAttempt]:
        """Attempts of this boot that may have left processes, and were not looked after yet."""
        rows: list[_Row] = self._connection.execute(_UNCOLLECTED, [boot_id()]).fetchall()
        return [OpenAttempt(*row) for row in rows]

    def open_attempts(self, runs: Iterable[str]) -> list[OpenAttempt]:
        """Attempts of these runs, of this boot, that go on by their rows."""
        found: list[OpenAttempt] = []
        for run_id in runs:
            rows: list[_Row] = self._connection.execute(_OF_RUN, [boot_id(), run_id]).fetchall()
            found += [OpenAttempt(*row) for row in rows]
        return found

    def mark_collected(self, runs: Iterable[str], now: float) -> None:
        """Nothing of these runs is left."""
        with self._connection:
            statement = "UPDATE runs SET collected = ? WHERE id = ?"
            self._connection.executemany(statement, [(now, run_id) for run_id in runs])

    def finished_runs(self) -> list[FinishedRun]:
        """Those that are over and have left no process, the oldest first."""
        rows: list[tuple[str, str, str, float, str]]
        rows = self._connection.execute(_FINISHED, [boot_id()]).fetchall()
        return [FinishedRun(*row) for row in rows]

    def known_runs(self) -> set[str]:
        """The ids of all runs."""
        return {row[0] for row in self._connection.execute("SELECT id FROM runs")}

    def forget_runs(self, runs: Iterable[str]) -> None:
        """Delete their rows, and give the space back to the file system."""
        ids = [(run_id,) for run_id in runs]
        with self._connection:
            for statement in _DELETIONS:
                self._connection.executemany(statement, ids)
        # It frees one page a step, and `execute` takes only one where there are no columns.
        self._connection.executescript("PRAGMA incremental_vacuum")

    def __repr__(self) -> str:
        return f"<Ledger of {self._connection!r}>"
