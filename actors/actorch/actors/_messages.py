"""The frozen messages that actors send each other. Plain values, so that they could travel."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

import msgspec

from ._mailbox import Awaited
from ._process_events import ProcessEvent
from ._records import Record
from ._results import AgentResult
from ._table import AgentRow, RunRow

__all__ = [
    "AgentEnded",
    "AgentReady",
    "BackoffOver",
    "LimitReached",
    "ProcessReport",
    "PutAgents",
    "PutRun",
    "Recorded",
    "SendInput",
    "SlotFreed",
    "StartAgent",
    "StopAgent",
    "StopReason",
    "StopStepOver",
    "TakeSnapshot",
    "WriteRecords",
]


class StopReason(Enum):
    """Why an attempt is ended before its time. The text is for people."""

    CANCELLED = "stopped by request"
    INTERRUPTED = "stopped by a signal to actorch"
    IMPOSSIBLE = "stopped since the quorum cannot be reached any more"
    FAIL_FAST = "stopped since another agent failed (fail_fast)"
    DEADLINE = "stopped at the deadline of the run"
    TIMEOUT = "took longer than its timeout"
    IDLE = "printed nothing for longer than its idle_timeout"
    MEMORY = "took more memory than its memory_max"
    OUTPUT = "printed more than its output_max"
    UNWRITTEN = "stopped since its output cannot be written"
    CRASHED = "stopped since an actor of its run crashed"


# To an Agent.


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """The row of this attempt is on disk (or the journal has given up)."""

    attempt: int


class StartAgent(msgspec.Struct, frozen=True, gc=False):
    """A slot is yours: start."""


class StopAgent(msgspec.Struct, frozen=True, gc=False):
    """End for good; with `kill`, at once and without politeness."""

    reason: StopReason
    kill: bool = False


class SendInput(msgspec.Struct, Awaited, frozen=True):
    """Write this to the agent's standard input, which stays open; `end` closes it after that.

    `told` is called with whether that was possible.
    """

    agent: str
    data: bytes
    told: Callable[[bool], None]
    end: bool = False

    def refuse(self, name: str) -> None:
        """It was not possible."""
        self.told(False)


class ProcessReport(msgspec.Struct, frozen=True):
    """What became of the process of an attempt.

    The last one comes again once its output is complete, if it was not: see `Attempt.finish`.
    """

    attempt: int
    event: ProcessEvent


class LimitReached(msgspec.Struct, frozen=True, gc=False):
    """A timer about the attempt's time, silence or memory ran out."""

    attempt: int
    reason: StopReason


class StopStepOver(msgspec.Struct, frozen=True, gc=False):
    """The wait after a step of the stop is over, and the tree is still there."""

    attempt: int
    step: int


class BackoffOver(msgspec.Struct, frozen=True, gc=False):
    """The wait before the next attempt is over."""

    attempt: int


# To a RunSupervisor.


class AgentReady(msgspec.Struct, frozen=True, gc=False):
    """The agent waits for a slot."""

    agent: str
    attempt: int


class SlotFreed(msgspec.Struct, frozen=True, gc=False):
    """The agent's process tree is gone, or never was."""

    agent: str
    attempt: int


class AgentEnded(msgspec.Struct, frozen=True):
    """The agent has its final state, and it is on disk."""

    result: AgentResult


# To the Registry.


class PutRun(msgspec.Struct, frozen=True):
    """A run's row is new; `agents` are its first rows, given with the first only."""

    run: RunRow
    agents: tuple[AgentRow, ...] = ()


class PutAgents(msgspec.Struct, frozen=True):
    """These rows are new."""

    agents: tuple[AgentRow, ...]


class TakeSnapshot(msgspec.Struct, frozen=True, gc=False):
    """Asked: answer with a `Snapshot`."""


# To the Journal.


class WriteRecords(msgspec.Struct, frozen=True):
    """Write these, and tell the recorder when everything up to `number` is on disk."""

    number: int
    records: tuple[Record, ...]


Message: TypeAlias = (
    Recorded | StartAgent | StopAgent | SendInput | ProcessReport | LimitReached
    | StopStepOver | BackoffOver | AgentReady | SlotFreed | AgentEnded | PutRun | PutAgents
    | TakeSnapshot | WriteRecords
)  # fmt: skip
