"""The Journal actor: it owns the SQLite file in which every run, agent and attempt is written.

All records that have arrived by the time it looks go into one transaction, however many agents
sent them. It never raises for want of a disk: it says so, keeps what is not written while the file
is locked or the disk is full, and tries again with the next records. A file that cannot be opened
is not tried again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from ._actor import Actor
from ._identity import Identity, is_alive
from ._messages import WriteRecords
from ._records import AgentRecord, AttemptRecord, Record, RunRecord

if TYPE_CHECKING:
    import sqlite_utils

__all__ = ["Journal"]

SCHEMA_VERSION: Final = 1
BUSY_TIMEOUT: Final = 5000
"""Milliseconds to wait for another process that is writing."""
KEPT: Final = 100_000
"""Records kept in memory for a disk that comes back."""

_TABLES: Final[dict[type[Record], tuple[str, tuple[str, ...]]]] = {
    RunRecord: ("runs", ("id",)),
    AgentRecord: ("agents", ("run_id", "name")),
    AttemptRecord: ("attempts", ("run_id", "agent", "number")),
}
_COLUMN_TYPES: Final[dict[str, type]] = {"str": str, "int": int, "float": float}


class Journal(Actor):
    """Writes records in groups, each group one transaction.

    Args:
        path: the SQLite file; its directory must exist.
        on_committed: called on the dispatcher's thread with the number of the last message whose
            records are on disk (or are known not to get there).
        on_lost: called on the dispatcher's thread with the reason why nothing is recorded any more,
            or with None once everything is again.
    """

    blocking = True

    def __init__(
        self, path: str, on_committed: Callable[[int], None], on_lost: Callable[[str | None], None]
    ) -> None:
        super().__init__()
        self._path = path
        self._on_committed = on_committed
        self._on_lost = on_lost
        self._database: sqlite_utils.Database | None = None
        self._pending: dict[tuple[object, ...], Record] = {}
        self._number = 0
        self._lost = False

    def on_start(self) -> None:
        """Open the file, bring its schema up to date, and close the rows of dead owners."""
        try:
            self._database = open_database(self._path)
            close_orphaned_runs(self._database)
        except (sqlite3.Error, OSError, SchemaTooNewError) as error:
            self._lose(error)

    def on_receive(self, message: object) -> None:
        """Keep the records for the end of this wake-up."""
        if isinstance(message, WriteRecords):
            self._number = message.number
            for record in message.records:
                self._pending[_key(record)] = record

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
        self.dispatcher.call_soon(self._on_committed, self._number)

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
            self._database.conn.execute("PRAGMA busy_timeout = 0")  # one long wait is enough
        if not self._lost:
            self._lost = True
            self.dispatcher.call_soon(self._on_lost, f"{self._path}: {error}")

    def _recover(self, database: sqlite_utils.Database) -> None:
        if self._lost:
            self._lost = False
            database.conn.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
            self.dispatcher.call_soon(self._on_lost, None)

    def __repr__(self) -> str:
        state = "not recording" if self._lost else "recording"
        return f"<Journal {state} to {self._path}, {len(self._pending)} waiting>"


class SchemaTooNewError(Exception):
    """The file was made by a newer actorch; upgrade, or use another state directory."""


def open_database(path: str) -> sqlite_utils.Database:
    """Open or create the history file, private to the user, with its schema up to date.

    Raises:
        sqlite3.Error: it cannot be opened or is no database.
        SchemaTooNewError: a newer actorch made it.
    """
    import sqlite_utils  # slow to import: on this actor's own thread, while shims are being forked

    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT / 1000)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # has no effect once WAL is on
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        database = sqlite_utils.Database(connection)
        _migrate(database)
    except BaseException:
        connection.close()
        raise
    return database


def _migrate(database: sqlite_utils.Database) -> None:
    if _version(database) == SCHEMA_VERSION:
        return
    database.conn.execute("BEGIN EXCLUSIVE")
    try:
        version = _version(database)
        if version > SCHEMA_VERSION:
            raise SchemaTooNewError(
                f"made by a newer actorch (schema {version}, this one knows {SCHEMA_VERSION})"
            )
        for number in range(version, SCHEMA_VERSION):
            _MIGRATIONS[number](database)
        database.conn.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        database.conn.execute("COMMIT")
    except BaseException:
        if database.conn.in_transaction:  # on a full disk, SQLite has rolled back by itself
            database.conn.execute("ROLLBACK")
        raise


def _version(database: sqlite_utils.Database) -> int:
    return cast("int", database.conn.execute("PRAGMA user_version").fetchone()[0])


def _create_tables(database: sqlite_utils.Database) -> None:
    owners: dict[type[Record], list[tuple[str, str, str]]] = {
        RunRecord: [],
        AgentRecord: [("run_id", "runs", "id")],
        AttemptRecord: [("run_id", "runs", "id")],
    }
    for record, (name, key) in _TABLES.items():
        columns: dict[str, Any] = {
            field: _COLUMN_TYPES[str(kind).split(" ")[0]]
            for field, kind in record.__annotations__.items()
        }
        required = {field for field in columns if not _has_default(record, field)}
        database.table(name).create(columns, pk=key, foreign_keys=owners[record], not_null=required)
    database.table("runs").create_index(["state"])
    database.table("runs").create_index(["started"])


def _has_default(record: type[Record], field: str) -> bool:
    return field in record.__struct_fields__[-len(record.__struct_defaults__) :]


_MIGRATIONS: Final[tuple[Callable[[sqlite_utils.Database], None], ...]] = (_create_tables,)


def _key(record: Record) -> tuple[object, ...]:
    if isinstance(record, RunRecord):
        return ("", record.id)
    if isinstance(record, AgentRecord):
        return (record.run_id, record.name)
    return (record.run_id, record.agent, record.number)


def _upsert(record: type[Record]) -> str:
    name, key = _TABLES[record]
    fields = record.__struct_fields__
    changes = ", ".join(f"{field} = excluded.{field}" for field in fields if field not in key)
    columns, places, keys = ", ".join(fields), ", ".join("?" * len(fields)), ", ".join(key)
    insert = f"INSERT INTO {name} ({columns})", f"VALUES ({places})"  # the names are ours
    update = f"DO UPDATE SET {changes}"  # nosec B608
    return " ".join([*insert, f"ON CONFLICT ({keys})", update])


_UPSERTS: Final = {record: _upsert(record) for record in _TABLES}


def write_records(database: sqlite_utils.Database, records: Iterable[Record]) -> None:
    """Insert or replace records in one transaction: all of them, or none.

    Raises:
        sqlite3.Error: nothing was written.
    """
    connection = database.conn
    connection.execute("BEGIN IMMEDIATE")
    try:
        rows: dict[type[Record], list[tuple[object, ...]]] = {record: [] for record in _TABLES}
        for record in records:
            rows[type(record)].append(msgspec.structs.astuple(record))
        for record_type, values in rows.items():
            _execute(connection, _UPSERTS[record_type], values)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _execute(
    connection: sqlite3.Connection, statement: str, rows: list[tuple[object, ...]]
) -> None:
    try:
        connection.executemany(statement, rows)
    except UnicodeEncodeError:  # a path or an argument that is no UTF-8
        connection.executemany(statement, [tuple(map(_encodable, row)) for row in rows])


def _encodable(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def close_orphaned_runs(database: sqlite_utils.Database) -> list[str]:
    """Mark what a dead owner left open as interrupted; returns the ids of those runs."""
    query = "SELECT id, owner_pid, owner_start_time, boot_id FROM runs WHERE state = 'running'"
    rows = cast("list[tuple[str, int, int, str]]", database.conn.execute(query).fetchall())
    dead = [run_id for run_id, pid, start, boot in rows if not is_alive(Identity(pid, start, boot))]
    with database.conn:
        for run_id in dead:
            for statement in _INTERRUPTIONS:
                database.conn.execute(statement, [run_id])
    return dead


_OPEN: Final = "state IN ('pending', 'queued', 'starting', 'running', 'stopping', 'backoff')"
_INTERRUPTIONS: Final = (
    f"UPDATE runs SET state = 'interrupted' WHERE id = ? AND {_OPEN}",  # nosec B608
    f"UPDATE agents SET state = 'interrupted' WHERE run_id = ? AND {_OPEN}",  # nosec B608
    f"UPDATE attempts SET state = 'interrupted' WHERE run_id = ? AND {_OPEN}",  # nosec B608
)
