"""Those who iterate over a system's runs, and what each of them hears."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from actorch.actors import (
    ActorRef,
    AgentChanged,
    AgentOutput,
    DeadLetter,
    Dispatcher,
    DispatcherClosedError,
    Event,
    Events,
    HistoryLost,
    LeftoversFound,
    RunEvent,
    RunStarted,
)
from actorch.actors._messages import TakeSnapshot
from actorch.actors._registry import Registry
from actorch.actors._table import AgentTable

from ._board import RunBoard
from ._inbox import Inbox, LineInbox

__all__ = ["Subscribers"]


class Subscribers:
    """Hands the events of each run to the inboxes that are open for it.

    However many there are, it is one receiver, and none at all while there are none. It lives on
    the dispatcher's thread; `join`, `leave` and `on_run_over` are called on any, also by a garbage
    collection.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        events: Events,
        table: AgentTable,
        registry: ActorRef[Registry],
    ) -> None:
        self._dispatcher = dispatcher
        self._table = table
        self._registry = registry
        self._signals = (
            events.run_started,
            events.agent_changed,
            events.agent_output,
            events.run_finished,
        )
        self._coming: deque[Inbox] = deque()
        self._of: dict[str, dict[str | None, set[Inbox]]] = {}

    def join(self, inbox: Inbox) -> None:
        """Fill an inbox from now on, until the run is over."""
        self._coming.append(inbox)
        try:
            self._dispatcher.call_soon(self._admit)
        except DispatcherClosedError:
            inbox.finish()

    def leave(self, inbox: Inbox) -> None:
        """Fill it no longer."""
        with suppress(DispatcherClosedError):
            self._dispatcher.call_soon(self._dismiss, inbox)

    def on_run_over(self, board: RunBoard) -> None:
        """The verdict on a run is known; its last events may still be under way."""
        with suppress(DispatcherClosedError):
            self._dispatcher.call_soon(self._await_last_events, board.run_id)

    def close(self) -> None:
        """The dispatcher has ended: nobody will hear anything any more."""
        for run_id in list(self._of):
            self._finish(run_id)
        while self._coming:
            self._coming.popleft().finish()

    def _admit(self) -> None:
        inbox = self._coming.popleft()
        if not self._of:
            for signal in self._signals:
                signal.connect(self._on_event, weak=False)
        run_id = inbox.board.run_id
        self._of.setdefault(run_id, {}).setdefault(inbox.agent, set()).add(inbox)
        if isinstance(inbox, LineInbox):
            inbox.seed(self._table.agent(run_id, inbox.spec.name))
        elif (standing := self._standing(inbox.board)) is not None:
            inbox.put(standing)
        if inbox.board.future.done():
            self._await_last_events(run_id)

    def _standing(self, board: RunBoard) -> RunStarted | None:
        """What whoever comes in the middle of a run has to know; None before and after."""
        run = self._table.run(board.run_id)
        if run is None or run.verdict is not None:
            return None
        rows = [self._table.agent(board.run_id, spec.name) for spec in board.spec.agents]
        return RunStarted(run, tuple(row for row in rows if row is not None))

    def _dismiss(self, inbox: Inbox) -> None:
        run_id = inbox.board.run_id
        by_agent = self._of.get(run_id, {})
        inboxes = by_agent.get(inbox.agent, set())
        inboxes.discard(inbox)
        if not inboxes:
            by_agent.pop(inbox.agent, None)
        if not by_agent:
            self._finish(run_id)

    def _await_last_events(self, run_id: str) -> None:
        """Once the registry has answered, it has announced what there was to announce."""
        if run_id in self._of:
            answer = self._registry.ask(TakeSnapshot(), block=False)
            answer.add_done_callback(lambda _future: self._finish(run_id))

    def _finish(self, run_id: str) -> None:
        for inboxes in self._of.pop(run_id, {}).values():
            for inbox in inboxes:
                inbox.finish()
        if not self._of:
            for signal in self._signals:
                signal.disconnect(self._on_event)

    def _on_event(self, _sender: object, *, event: Event) -> None:
        if isinstance(event, DeadLetter | HistoryLost | LeftoversFound):
            return
        run_id, agent = _about(event)
        by_agent = self._of.get(run_id, {})
        for inbox in (*by_agent.get(None, ()), *by_agent.get(agent, ())):
            inbox.put(event)

    def __repr__(self) -> str:
        return f"<Subscribers of {len(self._of)} runs>"


def _about(event: RunEvent) -> tuple[str, str]:
    """The id of the run, and the name of the agent, if it is about one: none is named ""."""
    match event:
        case AgentOutput():
            return event.run_id, event.agent
        case AgentChanged():
            return event.agent.run_id, event.agent.name
        case _:
            return event.run.run_id, ""
