"""Old runs are deleted by age and size, and nothing else is."""

import os
import sqlite3
from contextlib import closing

import pytest

from actorch.actors import HistoryError, SchemaTooNewError
from actorch.actors.testing import ManualClock
from actorch.supervisors import ActorSystem, collect_garbage
from history import attempt, record, rows, run

DAY = 86400.0


def old_run(state, run_id, ended, size=0, verdict="ok", **changes):
    directory = f"{state}/runs/{run_id}"
    os.makedirs(directory)
    with open(f"{directory}/a.1.out", "wb") as file:
        file.write(b"x" * size)
    record(state, run(run_id, verdict, finished=ended, directory=directory, **changes))
    record(state, attempt(run_id, "succeeded"))


@pytest.fixture
def clock():
    return ManualClock(epoch=100 * DAY)


def kept(state):
    names = sorted(name for (name,) in rows(state, "SELECT id FROM runs"))
    assert sorted(os.listdir(f"{state}/runs")) == names
    return names


def test_runs_are_deleted_when_they_are_too_old_with_rows_and_files(state, clock):
    for age in (1, 29, 31, 60):
        old_run(state, f"r{age}", (100 - age) * DAY)
    listed = collect_garbage(state, dry_run=True, clock=clock)
    assert [one.id for one in listed.pruned] == ["r60", "r31"]
    assert len(kept(state)) == 4
    done = collect_garbage(state, clock=clock)
    assert done.pruned == listed.pruned
    assert kept(state) == ["r1", "r29"]
    assert rows(state, "SELECT count(*) FROM attempts") == [(2,)]


def test_the_oldest_are_deleted_until_the_rest_is_small_enough(state, clock):
    for age in (1, 2, 3, 4):
        old_run(state, f"r{age}", (100 - age) * DAY, size=100_000)
    collect_garbage(state, max_size=250_000, clock=clock)
    assert kept(state) == ["r1", "r2"]


def test_none_keeps_everything_and_nought_nothing(state, clock):
    old_run(state, "r", 50 * DAY)
    assert collect_garbage(state, older_than=None, clock=clock).empty
    assert [one.id for one in collect_garbage(state, older_than=0.0, clock=clock).pruned] == ["r"]


def test_a_run_that_may_have_left_processes_is_kept_until_they_are_collected(state, clock):
    old_run(state, "left", 10 * DAY, verdict="failed")
    record(state, attempt("left", "failed", survivors="7: in state D"))
    old_run(state, "fine", 10 * DAY, verdict="interrupted")
    assert [one.id for one in collect_garbage(state, dry_run=True, clock=clock).pruned] == ["fine"]
    assert {one.id for one in collect_garbage(state, clock=clock).pruned} == {"fine", "left"}


def test_a_directory_that_no_row_speaks_of_is_deleted_but_not_a_fresh_one(state, clock):
    old_run(state, "known", 99 * DAY)
    for name, age in (("stray", 50), ("fresh", 0)):
        os.makedirs(f"{state}/runs/{name}")
        os.utime(f"{state}/runs/{name}", ((100 - age) * DAY,) * 2)
    (one,) = collect_garbage(state, clock=clock).pruned
    assert (one.id, one.state) == ("stray", "unknown")
    assert sorted(os.listdir(f"{state}/runs")) == ["fresh", "known"]


def test_a_directory_elsewhere_and_a_planted_link_are_left_alone(state, clock, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    record(state, run("away", "ok", finished=1.0, directory=str(outside)))
    os.symlink(outside, f"{state}/runs/link")
    record(state, run("link", "ok", finished=1.0, directory=f"{state}/runs/link"))
    collect_garbage(state, clock=clock)
    assert (outside / "precious").read_text() == "x"
    assert rows(state, "SELECT count(*) FROM runs") == [(0,)]


def test_space_is_given_back_to_the_file_system(state, clock):
    error = "x" * 5000
    for number in range(200):
        record(state, run(f"r{number}", "failed", finished=1.0, error=error))
    with ActorSystem(state_dir=state):
        pass
    before = os.path.getsize(f"{state}/history.db")
    collect_garbage(state, clock=clock)
    assert os.path.getsize(f"{state}/history.db") < before / 4


def test_without_a_history_there_is_nothing_to_collect_and_none_is_made(tmp_path):
    assert collect_garbage(str(tmp_path / "none")).empty
    assert not os.path.exists(tmp_path / "none")


def test_a_history_that_cannot_be_read_is_an_error_and_left_as_it_is(state):
    os.makedirs(state)
    with open(f"{state}/history.db", "wb") as file:
        file.write(b"this is no database\n" * 100)
    with pytest.raises(HistoryError, match="not a database"):
        collect_garbage(state)
    assert os.path.getsize(f"{state}/history.db") == 2000


def test_a_history_of_a_newer_actorch_is_an_error(state):
    os.makedirs(state)
    with closing(sqlite3.connect(f"{state}/history.db")) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(SchemaTooNewError, match="newer"):
        collect_garbage(state)
