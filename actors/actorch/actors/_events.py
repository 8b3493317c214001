"""What a system announces, as blinker signals, and the frozen payload of each.

The signals belong to one `ActorSystem`; nothing here is global. Receivers are called on the
system's own thread, one after the other: they must be quick, and must not wait for the system. An
error in a receiver is logged and stays with the receiver.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, TypeAlias

import blinker
import msgspec

from ._dead_letters import DeadLetter
from ._table import AgentRow, RunRow

__all__ = [
    "AgentChanged",
    "AgentOutput",
    "Event",
    "Events",
    "HistoryLost",
    "LeftoversFound",
    "Receiver",
    "RunEvent",
    "RunFinished",
    "RunStarted",
]

_log = logging.getLogger("actorch.events")


class RunStarted(msgspec.Struct, frozen=True):
    """Signal `run_started`: the run is recorded, and its agents are in the queue."""

    run: RunRow
    agents: tuple[AgentRow, ...]


class AgentChanged(msgspec.Struct, frozen=True):
    """Signal `agent_changed`: one row of the table is new. A final row is on disk already."""

    agent: AgentRow
    previous: AgentRow | None


class AgentOutput(msgspec.Struct, frozen=True):
    """Signal `agent_output`: an attempt's files have grown. Read them from where you left off."""

    run_id: str
    agent: str
    attempt: int
    stdout_path: str
    stderr_path: str


class RunFinished(msgspec.Struct, frozen=True):
    """Signal `run_finished`: the verdict is known, and on disk."""

    run: RunRow


class HistoryLost(msgspec.Struct, frozen=True):
    """Signal `history_lost`: the journal cannot write; the runs go on without being recorded."""

    reason: str


class LeftoversFound(msgspec.Struct, frozen=True):
    """Signal `leftovers_found`: processes of runs that crashed are still there. `gc` ends them.

    Comes with the first run of a system, if at all.

    Attributes:
        runs: the ids of those runs.
        processes: how many there are.
    """

    runs: tuple[str, ...]
    processes: int


Event: TypeAlias = (
    RunStarted
    | AgentChanged
    | AgentOutput
    | RunFinished
    | HistoryLost
    | LeftoversFound
    | DeadLetter
)

RunEvent: TypeAlias = RunStarted | AgentChanged | AgentOutput | RunFinished
"""Those of one run; the others are of the whole system."""


class Receiver(Protocol):
    """What may be connected to a signal: any callable that takes the payload as `event`."""

    def __call__(self, sender: object, *, event: Event) -> object:
        """Take one event; `sender` is the `Events` it came from."""
        ...


class Events:
    """The signals of one system. Connect with ``system.events.agent_changed.connect(receiver)``.

    blinker keeps receivers weakly: hold on to yours, or connect with ``weak=False``.
    """

    def __init__(self) -> None:
        self.run_started = blinker.Signal("A run was recorded and queued.")
        self.agent_changed = blinker.Signal("A row of the agent table is new.")
        self.agent_output = blinker.Signal("An attempt's output files have grown.")
        self.run_finished = blinker.Signal("A run has its verdict.")
        self.history_lost = blinker.Signal("The journal cannot write.")
        self.leftovers_found = blinker.Signal("Processes of crashed runs are still there.")
        self.dead_letter = blinker.Signal("Nobody is going to handle a message.")
        self._by_type: dict[type[Event], blinker.Signal] = {
            RunStarted: self.run_started,
            AgentChanged: self.agent_changed,
            AgentOutput: self.agent_output,
            RunFinished: self.run_finished,
            HistoryLost: self.history_lost,
            LeftoversFound: self.leftovers_found,
            DeadLetter: self.dead_letter,
        }

    def publish(self, event: Event) -> None:
        """Hand an event to every receiver; whatever a receiver raises is logged, and no more."""
        signal = self._by_type[type(event)]
        if not signal.receivers:
            return
        for receiver in list(signal.receivers_for(self)):
            try:
                receiver(self, event=event)
            except BaseException:  # SystemExit, too: it is the receiver that ends, not the actor
                _log.exception("receiver %r failed on %s", receiver, type(event).__name__)

    def wants(self, event_type: type[Event]) -> bool:
        """Whether anybody is connected to the signal of that event."""
        return bool(self._by_type[event_type].receivers)

    def on_wanted(self, event_type: type[Event], function: Callable[[], object]) -> None:
        """Have `function` called whenever somebody connects to the signal of that event.

        It runs on the thread of whoever connects.
        """

        def tell(_signal: object, **_connection: object) -> None:
            function()

        self._by_type[event_type].receiver_connected.connect(tell, weak=False)

    def connect_all(self, receiver: Receiver) -> None:
        """Connect one receiver, strongly, to every signal."""
        for signal in self._by_type.values():
            signal.connect(receiver, weak=False)

    def disconnect_all(self, receiver: Receiver) -> None:
        """Undo `connect_all`."""
        for signal in self._by_type.values():
            signal.disconnect(receiver)

    def __repr__(self) -> str:
        heard = sum(len(signal.receivers) for signal in self._by_type.values())
        return f"<Events with {heard} receivers>"
