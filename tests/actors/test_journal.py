"""The history file: durable settings, whole transactions, and rows of dead owners closed."""

import os
import sqlite3
import stat
import subprocess
import sys

import pytest
from sqlite_utils import Database

from actorch.actors import SchemaTooNewError
from actorch.actors._database import (
    SCHEMA_VERSION,
    open_database,
    write_records,
)
from actorch.actors._identity import own_identity
from actorch.actors._ledger import Ledger
from actorch.actors._records import AgentRecord, AttemptRecord, RunRecord

ME = own_identity()


def run(run_id="r", **changes):
    values = {
        "id": run_id,
        "name": "n",
        "spec_id": "",
        "stage": "",
        "state": "running",
        "quorum": "all",
        "required": 1,
        "total": 1,
        "started": 1.0,
        "directory": "/d",
        "owner_pid": ME.pid,
        "owner_start_time": ME.start_time,
        "boot_id": ME.boot_id,
    }
    return RunRecord(**{**values, **changes})


def agent(run_id="r", name="a", state="running"):
    return AgentRecord(run_id=run_id, name=name, position=0, state=state, command="[]", cwd="/")


def attempt(run_id="r", number=1, state="running", **rest):
    return AttemptRecord(
        run_id=run_id,
        agent="a",
        number=number,
        state=state,
        stdout_path="/o",
        stderr_path="/e",
        **rest,
    )


@pytest.fixture
def database(tmp_path):
    database = open_database(str(tmp_path / "history.db"))
    yield database
    database.close()


def query(database, statement):
    return Database(database).query(statement)


def pragma(database, name):
    return database.execute(f"PRAGMA {name}").fetchone()[0]


def test_the_file_is_set_up_for_crashes_and_for_other_writers(database):
    assert pragma(database, "journal_mode") == "wal"
    assert pragma(database, "synchronous") == 1
    assert pragma(database, "foreign_keys") == 1
    assert pragma(database, "auto_vacuum") == 2
    assert pragma(database, "busy_timeout") == 5000
    assert pragma(database, "user_version") == SCHEMA_VERSION


def test_the_file_is_private(tmp_path, database):
    assert stat.S_IMODE(os.stat(tmp_path / "history.db").st_mode) == 0o600


def test_opening_it_again_changes_nothing(tmp_path, database):
    write_records(database, [run()])
    again = open_database(str(tmp_path / "history.db"))
    assert Database(again).table("runs").count == 1
    again.close()


def test_a_record_replaces_the_one_with_its_key(database):
    write_records(database, [run(), agent(), attempt()])
    write_records(database, [attempt(state="failed", exit_code=3)])
    (row,) = query(database, "SELECT state, exit_code, signal FROM attempts")
    assert row == {"state": "failed", "exit_code": 3, "signal": None}


def test_a_batch_is_written_whole_or_not_at_all(database):
    with pytest.raises(sqlite3.IntegrityError):
        write_records(database, [run(), agent(run_id="no such run")])
    assert Database(database).table("runs").count == 0


def test_words_that_are_no_utf8_are_kept_as_well_as_can_be(database):
    write_records(database, [run(directory="/d\udcff")])
    (row,) = query(database, "SELECT directory FROM runs")
    assert row["directory"].startswith("/d")


def test_a_file_of_a_newer_actorch_is_refused_and_left_alone(tmp_path):
    path = str(tmp_path / "history.db")
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(SchemaTooNewError, match="newer"):
        open_database(path)


OLD = """
CREATE TABLE runs (id TEXT PRIMARY KEY, name TEXT NOT NULL, spec_id TEXT NOT NULL,
    stage TEXT NOT NULL, state TEXT NOT NULL, quorum TEXT NOT NULL, required INTEGER NOT NULL,
    total INTEGER NOT NULL, started FLOAT NOT NULL, directory TEXT NOT NULL,
    owner_pid INTEGER NOT NULL, owner_start_time INTEGER NOT NULL, boot_id TEXT NOT NULL,
    finished FLOAT, duration FLOAT, error TEXT);
CREATE TABLE agents (run_id TEXT REFERENCES runs(id), name TEXT, position INTEGER NOT NULL,
    state TEXT NOT NULL, command TEXT NOT NULL, cwd TEXT NOT NULL, attempts INTEGER,
    finished FLOAT, duration FLOAT, error_class TEXT, error TEXT, PRIMARY KEY (run_id, name));
CREATE TABLE attempts (run_id TEXT REFERENCES runs(id), agent TEXT, number INTEGER,
    state TEXT NOT NULL, stdout_path TEXT NOT NULL, stderr_path TEXT NOT NULL, pid INTEGER,
    start_time INTEGER, started FLOAT, finished FLOAT, duration FLOAT, exit_code INTEGER,
    signal INTEGER, error_class TEXT, error TEXT, user_time FLOAT, system_time FLOAT,
    max_rss INTEGER, leftovers INTEGER, killed INTEGER, survivors TEXT, stdout_bytes INTEGER,
    stderr_bytes INTEGER, PRIMARY KEY (run_id, agent, number));
CREATE INDEX idx_runs_state ON runs (state);
CREATE INDEX idx_runs_started ON runs (started);
INSERT INTO runs VALUES ('r', '', '', '', 'ok', 'all', 1, 1, 1.0, '/d', 1, 1, 'b', 2.0, 1.0, NULL);
INSERT INTO attempts (run_id, agent, number, state, stdout_path, stderr_path)
    VALUES ('r', 'a', 1, 'succeeded', '/o', '/e');
PRAGMA user_version = 1;
"""


def columns(connection, table):
    return sorted(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))


def test_a_file_of_the_first_schema_is_brought_up_to_date_and_keeps_its_rows(tmp_path, database):
    path = str(tmp_path / "old.db")
    connection = sqlite3.connect(path)
    connection.executescript(OLD)
    connection.close()
    old = open_database(path)
    assert pragma(old, "user_version") == SCHEMA_VERSION
    for table in ("runs", "agents", "attempts"):
        assert columns(old, table) == columns(database, table)
    write_records(old, [run("new"), attempt("new", brand=1 << 62)])
    found = {row["run_id"]: row["brand"] for row in query(old, "SELECT * FROM attempts")}
    assert found == {"r": None, "new": 1 << 62}
    old.close()


def test_open_rows_of_a_dead_owner_are_interrupted_and_others_left_alone(database):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    write_records(
        database,
        [
            run("mine"),
            run("dead", owner_pid=dead.pid, owner_start_time=1),
            run("recycled", owner_start_time=ME.start_time + 1),
            run("before-boot", boot_id="another"),
            run("over", state="ok", owner_pid=dead.pid),
            agent("dead"),
            agent("mine"),
            attempt("dead"),
            attempt("dead", 2, "failed"),
        ],
    )
    assert sorted(Ledger(database).close_orphaned_runs()) == ["before-boot", "dead", "recycled"]
    runs = {row["id"]: row["state"] for row in query(database, "SELECT id, state FROM runs")}
    assert runs == {
        "mine": "running",
        "dead": "interrupted",
        "recycled": "interrupted",
        "before-boot": "interrupted",
        "over": "ok",
    }
    agents = {row["run_id"]: row["state"] for row in query(database, "SELECT * FROM agents")}
    assert agents == {"dead": "interrupted", "mine": "running"}
    attempts = [
        row["state"] for row in query(database, "SELECT state FROM attempts ORDER BY number")
    ]
    assert attempts == ["interrupted", "failed"]


def test_a_writer_that_is_killed_leaves_no_half_batch(tmp_path):
    path = str(tmp_path / "history.db")
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
import os
from actorch.actors._database import open_database
database = open_database({path!r})
database.execute("BEGIN IMMEDIATE")
database.execute("CREATE TABLE half (x)")
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    database = open_database(path)
    assert not Database(database).table("half").exists()
    write_records(database, [run()])
    database.close()
