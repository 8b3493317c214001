"""The agent table: immutable rows, replaced when something changes, read as cheap snapshots."""

from __future__ import annotations

import msgspec

from ._output import last_line, newest
from ._states import AgentState

__all__ = ["AgentRow", "AgentTable", "RunRow", "Snapshot"]


class AgentRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One agent as it stands now.

    Times are seconds on the system's monotonic clock; only differences between them mean anything.

    Attributes:
        run_id: the run it belongs to.
        name: its name, unique in the run.
        state: where it stands.
        revision: the table's revision that made this row; later rows have larger ones.
        attempt: the current attempt, 0 before the first.
        max_attempts: how many there may be.
        pid: the leader's process id while one runs.
        since: when it entered `state`.
        started: when its first attempt started, None before.
        finished: when it reached a final state, None before.
        retry_at: when the next attempt is due, in state backoff.
        stdout_path: where the current attempt's standard output goes.
        stderr_path: where its standard error goes.
        detail: a short word for people: the exit, the error, or what it is being stopped for.
    """

    run_id: str
    name: str
    state: AgentState
    revision: int = 0
    attempt: int = 0
    max_attempts: int = 1
    pid: int | None = None
    since: float = 0.0
    started: float | None = None
    finished: float | None = None
    retry_at: float | None = None
    stdout_path: str | None = None
    stderr_path: str | None = None
    detail: str = ""

    def elapsed(self, now: float) -> float:
        """Seconds from the first start to the end, or until `now` while it lasts."""
        if self.started is None:
            return 0.0
        return (now if self.finished is None else self.finished) - self.started

    @property
    def last_output(self) -> float | None:
        """When its attempt last printed anything, in seconds since the epoch; None before.

        Asked of its files each time: a row is not made anew for that.
        """
        found = newest(self._paths())
        return found[0] if found else None

    @property
    def last_line(self) -> str:
        """The last line of the file that was written to last, safe to show; read from its end."""
        found = newest(self._paths())
        return last_line(found[1]) if found else ""

    def _paths(self) -> list[str]:
        return [path for path in (self.stdout_path, self.stderr_path) if path is not None]

    def __repr__(self) -> str:
        pid = f" pid {self.pid}" if self.pid else ""
        return f"<agent {self.name} {self.state.value} attempt {self.attempt}{pid}>"


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run as it stands now.

    Attributes:
        run_id: its id.
        name: its name, or "" if it has none.
        verdict: None while it goes on.
        started: monotonic seconds.
        finished: monotonic seconds, None while it goes on.
        required: how many agents must succeed.
        total: how many agents it has.
        revision: the table's revision that made this row.
    """

    run_id: str
    name: str = ""
    verdict: str | None = None
    started: float = 0.0
    finished: float | None = None
    required: int = 0
    total: int = 0
    revision: int = 0

    def __repr__(self) -> str:
        return f"<run {self.run_id} {self.verdict or 'running'}>"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The whole table at one revision. Never changes; safe to pass to any thread.

    Attributes:
        revision: grows by one with every change of the table.
        now: the system's monotonic time when it was taken.
        runs: every run the table still holds, oldest first.
        agents: every agent of those runs, in the order they were given.
    """

    revision: int
    now: float
    runs: tuple[RunRow, ...]
    agents: tuple[AgentRow, ...]

    def of(self, run_id: str) -> tuple[AgentRow, ...]:
        """The agents of one run."""
        return tuple(row for row in self.agents if row.run_id == run_id)

    def __repr__(self) -> str:
        return f"<Snapshot {self.revision}: {len(self.runs)} runs, {len(self.agents)} agents>"


class AgentTable:
    """The rows of all runs. Pure data; the Registry actor alone changes it."""

    def __init__(self) -> None:
        self.revision = 0
        self._runs: dict[str, RunRow] = {}
        self._agents: dict[tuple[str, str], AgentRow] = {}
        self._snapshot: Snapshot | None = None

    def put_run(self, row: RunRow) -> RunRow:
        """Add or replace a run; returns the row with its revision."""
        self.revision += 1
        stamped = msgspec.structs.replace(row, revision=self.revision)
        self._runs[row.run_id] = stamped
        return stamped

    def put_agent(self, row: AgentRow) -> tuple[AgentRow, AgentRow | None] | None:
        """Add or replace an agent; a final row, or one of a later attempt, stays.

        Returns:
            the row with its revision and the one it replaced, or None if it was stale.
        """
        key = (row.run_id, row.name)
        old = self._agents.get(key)
        if old is not None and (old.state.final or _is_stale(row, old)):
            return None
        self.revision += 1
        if old is not None and row.attempt < old.attempt:
            row = msgspec.structs.replace(row, attempt=old.attempt, started=old.started)
        stamped = msgspec.structs.replace(row, revision=self.revision)
        self._agents[key] = stamped
        return stamped, old

    def run(self, run_id: str) -> RunRow | None:
        """The row of one run, if the table holds it."""
        return self._runs.get(run_id)

    def agent(self, run_id: str, name: str) -> AgentRow | None:
        """The row of one agent, if the table holds it."""
        return self._agents.get((run_id, name))

    def forget_run(self, run_id: str) -> None:
        """Drop a run and its agents."""
        if self._runs.pop(run_id, None) is None:
            return
        self.revision += 1
        for key in [key for key in self._agents if key[0] == run_id]:
            del self._agents[key]

    def snapshot(self, now: float) -> Snapshot:
        """The table as it is; the rows are shared with the last one if nothing changed."""
        last = self._snapshot
        if last is not None and last.revision == self.revision:
            return msgspec.structs.replace(last, now=now)
        self._snapshot = Snapshot(
            revision=self.revision,
            now=now,
            runs=tuple(self._runs.values()),
            agents=tuple(self._agents.values()),
        )
        return self._snapshot

    def __repr__(self) -> str:
        return f"<AgentTable {self.revision}: {len(self._runs)} runs, {len(self._agents)} agents>"


def _is_stale(row: AgentRow, old: AgentRow) -> bool:
    return row.attempt < old.attempt and not row.state.final
