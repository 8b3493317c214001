"""The SQLite file: its settings, its schema, and records written whole or not at all."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from typing import Any, Final, cast

import msgspec

from ._errors import SchemaTooNewError
from ._records import AgentRecord, AttemptRecord, Record, RunRecord

__all__ = [
    "BUSY_TIMEOUT",
    "SCHEMA_VERSION",
    "open_database",
    "record_key",
    "write_records",
]

SCHEMA_VERSION: Final = 3
BUSY_TIMEOUT: Final = 5000
"""Milliseconds to wait for another process that is writing."""

_TABLES: Final[dict[type[Record], tuple[str, tuple[str, ...]]]] = {
    RunRecord: ("runs", ("id",)),
    AgentRecord: ("agents", ("run_id", "name")),
    AttemptRecord: ("attempts", ("run_id", "agent", "number")),
}
_COLUMN_TYPES: Final[dict[str, type]] = {"str": str, "int": int, "float": float}


def open_database(path: str) -> sqlite3.Connection:
    """Open or create the history file, private to the user, with its schema up to date.

    Raises:
        OSError: it cannot be opened.
        sqlite3.Error: it cannot be opened or is no database.
        SchemaTooNewError: a newer actorch made it.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT / 1000)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # has no effect once WAL is on
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    if _version(connection) == SCHEMA_VERSION:
        return
    connection.execute("BEGIN EXCLUSIVE")
    try:
        version = _version(connection)
        if version > SCHEMA_VERSION:
            raise SchemaTooNewError(
                f"made by a newer actorch (schema {version}, this one knows {SCHEMA_VERSION})"
            )
        if version == 0:
            _create_tables(connection)
        else:
            for number in range(version, SCHEMA_VERSION):
                for statement in _MIGRATIONS[number]:
                    connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # on a full disk, SQLite has rolled back by itself
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return cast("int", connection.execute("PRAGMA user_version").fetchone()[0])


def _create_tables(connection: sqlite3.Connection) -> None:
    from sqlite_utils import Database  # slow to import, and only ever needed here

    database = Database(connection)
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


_MIGRATIONS: Final[dict[int, tuple[str, ...]]] = {
    1: (
        "ALTER TABLE runs ADD COLUMN pid_namespace INTEGER",
        "ALTER TABLE runs ADD COLUMN collected FLOAT",
        "ALTER TABLE attempts ADD COLUMN brand INTEGER",
        "ALTER TABLE attempts ADD COLUMN isolation TEXT",
        "ALTER TABLE attempts ADD COLUMN cgroup TEXT",
    ),
    2: ("ALTER TABLE attempts ADD COLUMN truncated INTEGER",),
}
"""What leads from each version of the schema to the next one."""


def record_key(record: Record) -> tuple[object, ...]:
    """What tells records apart: of two with the same key, the later one counts."""
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


def write_records(connection: sqlite3.Connection, records: Iterable[Record]) -> None:
    """Insert or replace records in one transaction: all of them, or none.

    Raises:
        sqlite3.Error: nothing was written.
    """
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
