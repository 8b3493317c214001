"""Garbage collection: what crashed runs left running, and finished runs that nobody needs."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Final

import msgspec

from actorch.actors._cgroup import remove_groups
from actorch.actors._clock import Clock, SystemClock
from actorch.actors._database import open_database
from actorch.actors._errors import HistoryError
from actorch.actors._ledger import FinishedRun, Ledger, OpenAttempt
from actorch.actors._leftovers import Leftover, Search
from actorch.actors._process_events import Survivor
from actorch.actors._reaper import Collected, end_leftovers

from ._places import state_directory

__all__ = ["Garbage", "OldRun", "collect_garbage"]

MONTH: Final = 30 * 86400.0
ROUNDS: Final = 3
"""What is ended may have been an actorch, whose own runs are garbage then."""
STRAY: Final = 86400.0
"""Seconds after which a directory that no row speaks of is nobody's."""


class OldRun(msgspec.Struct, frozen=True):
    """A finished run to be pruned.

    Attributes:
        id: of the run.
        name: of the run, or "".
        state: its verdict; "unknown" if the history has no row of it.
        ended: when, in seconds since the epoch.
        size: bytes of its files.
        directory: where these are; None if not where this state directory keeps them.
    """

    id: str
    name: str
    state: str
    ended: float
    size: int
    directory: str | None


class Garbage(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to collect, or what was collected.

    Attributes:
        state_dir: where it was looked for.
        collected: whether anything was done about it.
        leftovers: processes of crashed runs.
        interrupted: the ids of runs whose owner is dead, marked or to be marked so.
        pruned: finished runs that are older or larger than allowed.
        killed: how many processes were ended.
        survivors: those that could not be ended.
        unseen: the ids of runs that go on, as far as one can tell: their owner is in another pid
            namespace, such as a container. They are left alone.
    """

    state_dir: str
    collected: bool
    leftovers: tuple[Leftover, ...] = ()
    interrupted: tuple[str, ...] = ()
    pruned: tuple[OldRun, ...] = ()
    killed: int = 0
    survivors: tuple[Survivor, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to collect."""
        return not (self.leftovers or self.interrupted or self.pruned or self.survivors)

    def __repr__(self) -> str:
        counts = f"{len(self.leftovers)} processes, {len(self.interrupted)} interrupted runs"
        return f"<Garbage of {self.state_dir}: {counts}, {len(self.pruned)} old runs>"


def collect_garbage(
    state_dir: str | None = None,
    *,
    older_than: float | None = MONTH,
    max_size: int | None = None,
    dry_run: bool = False,
    clock: Clock | None = None,
) -> Garbage:
    """End what crashed runs left running, mark these runs, and delete old ones.

    No process is ended for its number alone: it carries the brand of an attempt, the words that
    agents find in their environment, or it is a leader that started when the history says. Runs
    whose owner lives are left alone, and so are those of another pid namespace.

    Args:
        state_dir: as for `ActorSystem`.
        older_than: finished runs are deleted after so many seconds; None keeps them.
        max_size: the oldest finished runs are deleted until the rest has so many bytes; None keeps
            them.
        dry_run: only say what there is.
        clock: what time it is.

    Raises:
        HistoryError: the history cannot be read or written.
    """
    place = state_directory(state_dir)
    clock = clock or SystemClock()
    if not os.path.exists(os.path.join(place, "history.db")):
        return Garbage(state_dir=place, collected=not dry_run)
    with _open_ledger(os.path.join(place, "history.db")) as ledger:
        if dry_run:
            return _found(place, ledger, clock, older_than, max_size)
        return _collected(place, ledger, clock, older_than, max_size)


@contextmanager
def _open_ledger(path: str) -> Generator[Ledger]:
    try:
        with closing(open_database(path)) as database:
            yield Ledger(database)
    except (sqlite3.Error, OSError) as error:
        raise HistoryError(f"{path}: {error}") from None


def _found(
    place: str, ledger: Ledger, clock: Clock, older_than: float | None, max_size: int | None
) -> Garbage:
    orphaned = ledger.orphaned_runs()
    attempts = [*ledger.uncollected(), *ledger.open_attempts(orphaned)]
    return Garbage(
        state_dir=place,
        collected=False,
        leftovers=tuple(Search(attempts).find()) if attempts else (),
        interrupted=tuple(orphaned),
        unseen=tuple(ledger.unseen_runs()),
        pruned=tuple(_prunable(place, ledger, clock.time(), older_than, max_size)),
    )


def _collected(
    place: str, ledger: Ledger, clock: Clock, older_than: float | None, max_size: int | None
) -> Garbage:
    interrupted, leftovers = list[str](), list[Leftover]()
    killed, survivors = 0, tuple[Survivor, ...]()
    for _ in range(ROUNDS):
        interrupted += ledger.close_orphaned_runs()
        attempts = ledger.uncollected()
        if survivors or not attempts:
            break
        ended = _end(attempts)
        leftovers += ended.leftovers
        killed, survivors = killed + ended.killed, ended.survivors
        if not survivors:
            ledger.mark_collected({one.run_id for one in attempts}, clock.time())
    pruned = list(_prunable(place, ledger, clock.time(), older_than, max_size))
    for run in pruned:
        if run.directory is not None:
            shutil.rmtree(run.directory, ignore_errors=True)
    ledger.forget_runs(run.id for run in pruned)
    return Garbage(
        state_dir=place,
        collected=True,
        leftovers=tuple(leftovers),
        interrupted=tuple(interrupted),
        pruned=tuple(pruned),
        killed=killed,
        survivors=survivors,
        unseen=tuple(ledger.unseen_runs()),
    )


def _end(attempts: Sequence[OpenAttempt]) -> Collected:
    ended = end_leftovers(attempts)
    for one in attempts:
        if one.cgroup is not None:
            remove_groups(os.path.dirname(one.cgroup))
    return ended


def _prunable(
    place: str, ledger: Ledger, now: float, older_than: float | None, max_size: int | None
) -> Iterator[OldRun]:
    """Those that are too old, and the oldest of the others until the rest is small enough."""
    runs = [_old_run(place, run) for run in ledger.finished_runs()]
    runs += _strays(place, ledger.known_runs(), now)
    runs.sort(key=lambda run: run.ended)
    too_much = 0 if max_size is None else sum(run.size for run in runs) - max_size
    for run in runs:
        if (older_than is not None and run.ended < now - older_than) or too_much > 0:
            too_much -= run.size
            yield run


def _old_run(place: str, run: FinishedRun) -> OldRun:
    ours = run.directory == os.path.join(place, "runs", run.id)
    directory = run.directory if ours and os.path.isdir(run.directory) else None
    size = _size(directory) if directory else 0
    return OldRun(run.id, run.name, run.state, run.ended, size, directory)


def _strays(place: str, known: set[str], now: float) -> list[OldRun]:
    """Directories of runs that were never recorded, or whose rows are gone."""
    found: list[OldRun] = []
    with suppress(FileNotFoundError), os.scandir(os.path.join(place, "runs")) as entries:
        for entry in entries:
            if entry.name in known or not entry.is_dir(follow_symlinks=False):
                continue
            ended = entry.stat(follow_symlinks=False).st_mtime
            if ended < now - STRAY:
                size = _size(entry.path)
                found.append(OldRun(entry.name, "", "unknown", ended, size, entry.path))
    return found


def _size(directory: str) -> int:
    """Bytes that its files take on the disk."""
    total = 0
    for place, _directories, names in os.walk(directory):
        for name in names:
            with suppress(OSError):  # gone meanwhile
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
    return total
