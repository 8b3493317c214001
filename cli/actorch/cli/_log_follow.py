"""Showing what agents print as they print it, whoever runs them."""

from __future__ import annotations

from collections.abc import Iterable

from actorch.actors._clock import SystemClock
from actorch.supervisors._history import History, KnownAttempt, KnownRun

from ._log_choice import Choice, has_ended
from ._log_printer import LinePrinter, RawPrinter
from ._log_source import Source
from ._log_watch import LogWatch
from ._terminal import say

__all__ = ["LogFollow"]

_SHARE = 20
"""So many times as long as a look at the history took, none is taken: others have work to do."""


class LogFollow:
    """Shows what comes until there is nothing more to come.

    Args:
        history: tells of attempts, and of their ends.
        run: whose output it is.
        names: of the agents to show.
        choice: tells which files are asked for.
        printer: shows what is in them.
    """

    def __init__(
        self,
        history: History,
        run: KnownRun,
        names: Iterable[str],
        choice: Choice,
        printer: LinePrinter | RawPrinter,
    ) -> None:
        self._history = history
        self._run = run
        self._names = frozenset(names)
        self._choice = choice
        self._printer = printer
        self._clock = SystemClock()
        self._sources: dict[str, Source] = {}
        self._ended: set[tuple[str, int]] = set()
        self._over = False
        self._stale = True
        self._due = 0.0

    def go_on(self, output: int) -> None:
        """Until the agents have ended, or whoever runs them is dead.

        Args:
            output: the descriptor that the printer writes to.
        """
        with LogWatch(self._run, self._history.path, output) as watch:
            orphaned = not watch.owner_lives()  # asked first: what it wrote last is then seen
            self._look()
            self._show()
            while not (self._over or orphaned):
                news = watch.wait(self._patience(), len(self._sources))
                orphaned = news and not watch.owner_lives()
                self._stale = self._stale or news
                if orphaned or (self._stale and self._clock.now() >= self._due):
                    self._look()
                self._show()
        if not self._over:
            say(f"run {self._run.id}: whoever ran it is dead; this is all there is")
        for source in self._sources.values():
            self._printer.end(source)

    def _patience(self) -> float | None:
        """How long until the history may be looked at, if it has changed."""
        return max(0.0, self._due - self._clock.now()) if self._stale else None

    def _look(self) -> None:
        """Learn which attempts have begun, which have ended, and whether that was all."""
        begun = self._clock.now()
        run = self._history.run(self._run.id)
        attempts = self._history.attempts(self._run.id)
        self._sources |= {source.path: source for source in self._choice.new_sources(attempts)}
        self._ended = {(one.agent, one.number) for one in attempts if has_ended(one.state)}
        self._over = run is None or run.over or self._nothing_comes(attempts)
        self._stale = False
        now = self._clock.now()
        self._due = now + _SHARE * (now - begun)

    def _nothing_comes(self, attempts: Iterable[KnownAttempt]) -> bool:
        agents = self._history.agents(self._run.id)
        going = {one.name for one in agents if one.name in self._names and not has_ended(one.state)}
        for one in attempts:
            if self._choice.last_of_its_agent(one) and has_ended(one.state):
                going.discard(one.agent)
        return not going

    def _show(self) -> None:
        """Show what has come, and of attempts that have ended, the rest."""
        for path, source in list(self._sources.items()):
            self._printer.show(source)
            if self._over or source.attempt in self._ended:
                self._printer.end(source)
                del self._sources[path]

    def __repr__(self) -> str:
        return f"<LogFollow of run {self._run.id}, {len(self._sources)} files>"
