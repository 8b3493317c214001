"""The frozen messages among the supervisors."""

from __future__ import annotations

import msgspec

from actorch.actors._mailbox import Awaited
from actorch.actors._messages import SendInput, StopReason

from ._board import RunBoard

__all__ = ["DeadlineReached", "HistoryFailed", "RunRecorded", "SendTo", "StartRun", "StopRun"]


class StartRun(msgspec.Struct, frozen=True):
    """To the root: start this run. Its verdict comes through the board's future."""

    board: RunBoard


class StopRun(msgspec.Struct, frozen=True):
    """Stop a run (`run_id` None: all runs); with `kill`, at once and without politeness.

    With `agents`, stop these only: the run goes on with the others.
    """

    run_id: str | None
    reason: StopReason
    kill: bool = False
    error: str | None = None
    agents: tuple[str, ...] = ()


class SendTo(msgspec.Struct, Awaited, frozen=True):
    """To the root: hand this on to an agent of that run."""

    run_id: str
    message: SendInput

    def refuse(self, name: str) -> None:
        """Nobody hands it on."""
        self.message.refuse(name)


class HistoryFailed(msgspec.Struct, frozen=True):
    """To the root: the journal records nothing any more; without a reason, it does again."""

    reason: str | None


class RunRecorded(msgspec.Struct, frozen=True):
    """To a RunSupervisor: the rows of the run are on disk."""


class DeadlineReached(msgspec.Struct, frozen=True):
    """To a RunSupervisor: its time is over."""
