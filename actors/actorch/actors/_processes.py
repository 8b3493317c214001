"""What starts processes, as agents and systems see it: a keeper and its shims, or what acts so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ._isolation import Machine
from ._process_events import ProcessEvent, SpawnOrder

__all__ = ["OwnedProcess", "Processes"]


class OwnedProcess(Protocol):
    """A process that was asked for. Without effect once it has ended, all of it."""

    def signal(self, signum: int) -> None:
        """Stop it politely: its group gets the signal, then whoever outlives the leader."""
        ...

    def kill(self) -> None:
        """SIGKILL its whole tree."""
        ...


class Processes(Protocol):
    """Starts processes and owns them. All but the last two is for the dispatcher's thread."""

    def machine(self) -> Machine:
        """What there is to hold processes together."""
        ...

    def spawn(self, order: SpawnOrder, on_event: Callable[[ProcessEvent], None]) -> OwnedProcess:
        """Start a process; `on_event` is told what becomes of it, later, on the same thread.

        Raises:
            DispatcherClosedError: it is closed.
        """
        ...

    def prewarm(self, shims: int) -> None:
        """Be ready for so many at once."""
        ...

    def close(self) -> None:
        """End every process, and wait for that. Idempotent."""
        ...

    def sever(self) -> None:
        """The same where the loop is fenced; what becomes of the processes is told to nobody."""
        ...
