"""The history as others may read it at any time: nothing is created, nothing is written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

import msgspec

from actorch.actors._errors import HistoryError

__all__ = ["History", "KnownAgent", "KnownAttempt", "KnownRun"]

_PATIENCE: Final = 5.0
"""Seconds to wait for another process that locks the file."""


class KnownRun(msgspec.Struct, frozen=True):
    """A run by its row. The fields are those of table `runs`; a column that is missing is None."""

    id: str
    name: str
    state: str
    started: float
    directory: str
    owner_pid: int
    owner_start_time: int
    boot_id: str
    pid_namespace: int | None = None

    @property
    def over(self) -> bool:
        """Whether it has come to a verdict, or is known to have been interrupted."""
        return self.state != "running"


class KnownAgent(msgspec.Struct, frozen=True):
    """An agent by its row in table `agents`."""

    name: str
    state: str


class KnownAttempt(msgspec.Struct, frozen=True):
    """An attempt by its row in table `attempts`."""

    agent: str
    number: int
    state: str
    stdout_path: str
    stderr_path: str
    finished: float | None = None


class History:
    """The history file of a state directory.

    Every question opens it anew: whoever owns it may replace it, and nobody is kept from closing
    it. Each may raise `HistoryError`; where there is no file, there are no rows.

    Args:
        state_dir: the directory; need not exist.
    """

    def __init__(self, state_dir: str) -> None:
        self.state_dir = state_dir
        self.path = os.path.join(state_dir, "history.db")

    def run(self, run_id: str) -> KnownRun | None:
        """The run of exactly that id."""
        return _first(self._runs("WHERE id = ?", run_id))

    def run_named(self, name: str) -> KnownRun | None:
        """The newest run of that name."""
        return _first(self._runs("WHERE name = ? ORDER BY started DESC, rowid DESC LIMIT 1", name))

    def runs_beginning(self, prefix: str, most: int) -> list[KnownRun]:
        """The newest runs whose ids begin with that."""
        where = "WHERE substr(id, 1, length(?)) = ? ORDER BY started DESC, rowid DESC LIMIT ?"
        return self._runs(where, prefix, prefix, most)

    def newest_runs(self, most: int) -> list[KnownRun]:
        """The newest first."""
        return self.runs_beginning("", most)

    def agents(self, run_id: str) -> list[KnownAgent]:
        """The agents of a run, in the order of the fleet."""
        query = "SELECT name, state FROM agents WHERE run_id = ? ORDER BY position"
        return [KnownAgent(*row) for row in self._rows(query, run_id)]

    def attempts(self, run_id: str) -> list[KnownAttempt]:
        """The attempts of a run's agents."""
        query = """SELECT agent, number, state, stdout_path, stderr_path, finished
                   FROM attempts WHERE run_id = ? ORDER BY agent, number"""
        return [KnownAttempt(*row) for row in self._rows(query, run_id)]

    def _runs(self, where: str, *values: object) -> list[KnownRun]:
        rows = self._rows(" ".join(["SELECT * FROM runs", where]), *values)
        fields = KnownRun.__struct_fields__
        return [KnownRun(**{key: row[key] for key in row.keys() if key in fields}) for row in rows]  # noqa: SIM118

    def _rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        if not os.path.exists(self.path):
            return []
        try:
            return self._ask(query, values)
        except UnicodeEncodeError:  # bytes that are no UTF-8: nothing is called so
            return []
        except (sqlite3.Error, OSError) as error:
            raise HistoryError(f"{self.path}: {error}") from None

    def _ask(self, query: str, values: Sequence[object]) -> list[sqlite3.Row]:
        """Without a -wal nobody writes, and SQLite would leave one that it makes for itself."""
        if not self._is_being_written():
            try:
                return self._read("immutable=1", query, values)
            except sqlite3.DatabaseError:
                if not self._is_being_written():  # else somebody has begun to
                    raise
        return self._read("mode=ro", query, values)

    def _is_being_written(self) -> bool:
        return os.path.exists(f"{self.path}-wal")

    def _read(self, how: str, query: str, values: Sequence[object]) -> list[sqlite3.Row]:
        path = self.path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        uri = f"file:{path}?{how}"
        with closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE)) as connection:
            connection.row_factory = sqlite3.Row
            rows: list[Any] = connection.execute(query, values).fetchall()
            return rows

    def __repr__(self) -> str:
        return f"<History of {self.state_dir}>"


def _first(runs: Sequence[KnownRun]) -> KnownRun | None:
    return runs[0] if runs else None
