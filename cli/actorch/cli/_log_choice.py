"""Which run, which agents and which files `actorch logs` is asked for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from actorch.actors._errors import UsageError
from actorch.actors._shown import one_line, shown
from actorch.actors._states import AgentState
from actorch.supervisors._history import History, KnownAgent, KnownAttempt, KnownRun

from ._log_options import EVERY, LAST, LogOptions
from ._log_source import Source

__all__ = ["Choice", "chosen_agents", "find_run", "has_ended"]

_FEW = 5
_SOME = 20


def has_ended(state: str) -> bool:
    """Whether an agent or an attempt stays as its row says; an unknown word is none of ours."""
    try:
        return AgentState(state).final
    except ValueError:
        return True


def find_run(history: History, word: str) -> KnownRun:
    """The run of that id, of that name, of the id that begins so, or the last one.

    Raises:
        UsageError: there is none, or more than one.
    """
    newest = history.newest_runs(_SOME)
    if not newest:
        raise UsageError(f"no run is recorded in {one_line(history.state_dir, 300)}")
    if word == "last":
        return newest[0]
    if found := history.run(word) or (history.run_named(word) if word else None):
        return found
    runs = history.runs_beginning(word, _FEW + 1) if word else []
    if len(runs) > 1:
        more = ", …" if len(runs) > _FEW else ""
        ids = ", ".join(run.id for run in runs[:_FEW])
        raise UsageError(f"{shown(word, 60)} is the beginning of more than one: {ids}{more}")
    if not runs:
        raise UsageError(_no_run(word, newest))
    return runs[0]


def _no_run(word: str, newest: Sequence[KnownRun]) -> str:
    names = dict.fromkeys(name for run in newest for name in (run.name, run.id) if name)
    near = difflib.get_close_matches(word[:200], names, 3, 0.7)
    said = f"did you mean {' or '.join(near)}?" if near else f"the newest is {newest[0].id}"
    allowed = "an id, the beginning of one, a name, or last"
    return f"no run {shown(word, 60)}; {one_line(said, 300)} (allowed: {allowed})"


def chosen_agents(run: KnownRun, agents: Sequence[KnownAgent], names: Iterable[str]) -> list[str]:
    """The names of the agents that are asked for, in the order of the fleet.

    Raises:
        UsageError: the run has no agent of that name.
    """
    known = [agent.name for agent in agents]
    wanted = set(names)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name[:200], known, 3, 0.6)
            first = [*near, *(one for one in known if one not in near)]
            there = one_line(", ".join(first[:_SOME]) + (", …" if len(first) > _SOME else ""), 1000)
            raise UsageError(f"run {run.id} has no agent {shown(name, 110)}, but: {there}")
    return [name for name in known if not wanted or name in wanted]


class Choice:
    """The files that are asked for; of those that are followed, more may come.

    Args:
        options: what was asked for.
        agents: the names of the agents to show.
    """

    def __init__(self, options: LogOptions, agents: Sequence[str]) -> None:
        self._options = options
        self._places = {name: place for place, name in enumerate(agents)}
        self._from: dict[str, int] = {}
        self._known: set[tuple[str, int]] = set()

    def new_sources(self, attempts: Sequence[KnownAttempt]) -> list[Source]:
        """The files of attempts that have not been seen before, in the order to show them in."""
        tail = None if self._from else self._options.tail  # of what begins now, nothing is old
        self._begin(attempts)
        new = [one for one in attempts if self.wants(one)]
        new = [one for one in new if (one.agent, one.number) not in self._known]
        self._known.update((one.agent, one.number) for one in new)
        new.sort(key=lambda one: (self._places[one.agent], one.number))
        return [source for one in new for source in self._sources(one, tail)]

    def wants(self, attempt: KnownAttempt) -> bool:
        """Whether that attempt is asked for."""
        if attempt.agent not in self._places:
            return False
        if self._options.attempt == LAST:
            return attempt.number >= self._from[attempt.agent]
        return self._options.attempt in (EVERY, attempt.number)

    def last_of_its_agent(self, attempt: KnownAttempt) -> bool:
        """Whether nothing is asked for of what the agent does after that attempt."""
        return self._options.attempt == attempt.number

    def _begin(self, attempts: Sequence[KnownAttempt]) -> None:
        """The last attempt of each agent is the one it had when it was first looked at."""
        if not self._from:
            self._from = dict.fromkeys(self._places, 1)
            self._from |= {one.agent: one.number for one in attempts}  # in order of their number

    def _sources(self, attempt: KnownAttempt, tail: int | None) -> Iterable[Source]:
        options = self._options
        label = f"{attempt.agent}.{attempt.number}" if options.attempt == EVERY else attempt.agent
        old = _ended_before(attempt, options.since)
        paths = {attempt.stdout_path: False}
        paths.setdefault(attempt.stderr_path, True)
        both = len(paths) == 1  # one file for both
        key = (attempt.agent, attempt.number)
        for path, error in paths.items():
            if both or (options.stderr if error else options.stdout):
                yield Source(key, path, label, error, tail, options.since, old)


def _ended_before(attempt: KnownAttempt, since: float | None) -> bool:
    return since is not None and attempt.finished is not None and attempt.finished < since
