"""Where news of a run waits for whoever iterates, bounded however late that one is."""

from __future__ import annotations

import threading
from enum import Enum
from typing import Final

from actorch.actors import (
    AgentChanged,
    AgentOutput,
    AgentResult,
    AgentRow,
    AgentSpec,
    AgentState,
    Future,
    RunEvent,
)

from ._board import RunBoard

__all__ = ["EventInbox", "Inbox", "LineInbox", "Stage"]

KEPT: Final = 1000
"""Events that wait unmerged; beyond, the changes of an agent become one."""
_UNDER_WAY: Final = {AgentState.STARTING, AgentState.RUNNING, AgentState.STOPPING}


class Inbox:
    """Filled on the system's thread, which it never keeps waiting; emptied on any one.

    Attributes:
        board: of the run that the news is of.
        agent: the name of the only agent that matters; None if all do.
        finished: whether there will be no more news.
        closed: whether nobody wants any.
    """

    def __init__(self, board: RunBoard, agent: str | None = None) -> None:
        self.board = board
        self.agent = agent
        self.finished = False
        self.closed = False
        self._lock = threading.RLock()  # a collection while it is held may close this inbox
        self._news = False
        self._waiting: Future[None] | None = None

    def put(self, event: RunEvent) -> None:
        """Take an event."""
        with self._lock:
            self._keep(event)
        self.ring()

    def finish(self) -> None:
        """There will be no more news."""
        self.finished = True
        self.ring()

    def close(self) -> None:
        """Nobody wants any more."""
        self.closed = True
        self.ring()

    def ring(self) -> None:
        """Have whoever waits look again, or whoever waits next."""
        with self._lock:
            self._news = True
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.set(None)

    def news(self) -> Future[None]:
        """Done once there is something new since `look`."""
        with self._lock:
            if self._waiting is not None:
                return self._waiting
            future = Future[None]()
            if self._news:
                future.set(None)
            else:
                self._waiting = future
            return future

    def _look(self) -> None:
        """What has come by now is not new any more; the lock is held."""
        self._news = False

    def _keep(self, event: RunEvent) -> None:
        """Remember what matters of an event; the lock is held."""
        raise NotImplementedError

    def __repr__(self) -> str:
        state = "closed" if self.closed else "finished" if self.finished else "open"
        return f"<{type(self).__name__} of {self.board.run_id}, {state}>"


class EventInbox(Inbox):
    """The events of a run, in order.

    Of the news that an attempt has written, one piece waits at most. If more than 1000 events
    wait, what comes is merged with the last change of the same agent that waits: `previous` is of
    the older one, all else of the newer.
    """

    def __init__(self, board: RunBoard) -> None:
        super().__init__(board)
        self._pending: dict[object, RunEvent] = {}
        self._last: dict[str, object] = {}

    def next(self) -> RunEvent | None:
        """The oldest event that waits, if any."""
        with self._lock:
            self._look()
            if not self._pending:
                return None
            key = next(iter(self._pending))
            event = self._pending.pop(key)
            if isinstance(event, AgentChanged) and self._last.get(event.agent.name) is key:
                del self._last[event.agent.name]
            return event

    def _keep(self, event: RunEvent) -> None:
        key: object = object()
        if isinstance(event, AgentOutput):
            key = (event.agent, event.attempt)
        elif isinstance(event, AgentChanged):
            if len(self._pending) >= KEPT:
                event = self._merged(event)
            self._last[event.agent.name] = key
        self._pending.setdefault(key, event)

    def _merged(self, event: AgentChanged) -> AgentChanged:
        before = self._pending.pop(self._last.get(event.agent.name), None)
        if not isinstance(before, AgentChanged):
            return event
        return AgentChanged(event.agent, before.previous)


class Stage(Enum):
    """Where an agent stands, seen from one of its attempts."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"
    NEVER = "never"


class LineInbox(Inbox):
    """How far one agent has come.

    Attributes:
        spec: of that agent.
    """

    def __init__(self, board: RunBoard, spec: AgentSpec) -> None:
        super().__init__(board, spec.name)
        self.spec = spec
        self._row: AgentRow | None = None

    def seed(self, row: AgentRow | None) -> None:
        """Take the row that the table has."""
        if row is not None:
            with self._lock:
                self._take(row)
        self.ring()

    def stage(self, attempt: int) -> Stage:
        """Whether that attempt is over, or will be, as of now."""
        with self._lock:
            self._look()
            row, result = self._row, self.board.results.get(self.spec.name)
            last = max(row.attempt if row else 0, _last_attempt(result))
            over = self.finished or result is not None or (row is not None and row.state.final)
            if attempt < last:
                return Stage.AFTER
            if attempt > last:
                return Stage.NEVER if over else Stage.BEFORE
            under_way = not over and row is not None and row.state in _UNDER_WAY
            return Stage.DURING if under_way else Stage.AFTER

    def _keep(self, event: RunEvent) -> None:
        if isinstance(event, AgentChanged):
            self._take(event.agent)

    def _take(self, row: AgentRow) -> None:
        if self._row is None or row.revision > self._row.revision:
            self._row = row


def _last_attempt(result: AgentResult | None) -> int:
    return result.attempts[-1].number if result and result.attempts else 0
