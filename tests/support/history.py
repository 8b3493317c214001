"""Rows of a history, read and written as no run would write them."""

import os
import sqlite3
from contextlib import closing

from actorch.actors._database import open_database, write_records
from actorch.actors._identity import own_identity
from actorch.actors._records import AttemptRecord, RunRecord

ME = own_identity()


def rows(state, query):
    with closing(sqlite3.connect(f"{state}/history.db")) as connection:
        return connection.execute(query).fetchall()


def record(state, *records):
    os.makedirs(f"{state}/runs", exist_ok=True)
    with closing(open_database(f"{state}/history.db")) as database:
        write_records(database, records)


def run(run_id, state="interrupted", **changes):
    values = {
        "id": run_id,
        "name": "",
        "spec_id": "",
        "stage": "",
        "state": state,
        "quorum": "all",
        "required": 1,
        "total": 1,
        "started": 1.0,
        "directory": "",
        "owner_pid": 1,
        "owner_start_time": 1,
        "boot_id": ME.boot_id,
        "pid_namespace": ME.pid_namespace,
    }
    return RunRecord(**{**values, **changes})


def attempt(run_id, state="interrupted", **rest):
    paths = {"stdout_path": "/o", "stderr_path": "/e"}
    return AttemptRecord(run_id=run_id, agent="a", number=1, state=state, **paths, **rest)
