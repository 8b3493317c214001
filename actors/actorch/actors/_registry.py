"""The Registry actor: it owns the agent table, and announces every change of it."""

from __future__ import annotations

from collections import deque
from typing import Final

from ._actor import Actor
from ._events import AgentChanged, Events, RunFinished, RunStarted
from ._messages import PutAgents, PutRun, TakeSnapshot
from ._table import AgentTable, RunRow, Snapshot

__all__ = ["Registry"]

KEPT_RUNS: Final = 64
KEPT_AGENTS: Final = 1000
"""So many finished runs, with so many agents in all, stay in the table, the last one whatever its
size; older ones are in the history only."""


class Registry(Actor):
    """Everything that is shown is read from here.

    Args:
        table: the table; nobody else changes it.
        events: where changes are announced.
    """

    mailbox_capacity = 0  # the agents bound it: each has few messages under way

    def __init__(self, table: AgentTable, events: Events) -> None:
        super().__init__()
        self._table = table
        self._events = events
        self._finished: deque[RunRow] = deque()
        self._agents = 0

    def on_receive(self, message: object) -> Snapshot | None:
        """Change the table, or answer with a snapshot of it."""
        match message:
            case PutAgents():
                self._put_agents(message)
            case PutRun():
                self._put_run(message)
            case TakeSnapshot():
                return self._table.snapshot(self.dispatcher.clock.now())
            case _:
                super().on_receive(message)
        return None

    def _put_agents(self, message: PutAgents) -> None:
        for row in message.agents:
            if change := self._table.put_agent(row):
                self._events.publish(AgentChanged(*change))

    def _put_run(self, message: PutRun) -> None:
        row = self._table.put_run(message.run)
        if message.agents:
            taken = [self._table.put_agent(agent) for agent in message.agents]
            rows = tuple(change[0] for change in taken if change)
            self._events.publish(RunStarted(row, rows))
        if row.verdict is not None:
            self._events.publish(RunFinished(row))
            self._retire(row)

    def _retire(self, row: RunRow) -> None:
        self._finished.append(row)
        self._agents += row.total
        while len(self._finished) > 1 and (
            len(self._finished) > KEPT_RUNS or self._agents > KEPT_AGENTS
        ):
            oldest = self._finished.popleft()
            self._agents -= oldest.total
            self._table.forget_run(oldest.run_id)

    def __repr__(self) -> str:
        return f"<Registry of {self._table!r}>"
