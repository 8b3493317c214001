"""The end of a system, in phases: each has its time, and nothing in one keeps the next from coming.

| phase | what happens |
|---|---|
| `drain` | yours: take no more work. New runs are refused already; what runs goes on. |
| `supervisors` | Supervision trees stop, the last one first. |
| `runs` | Agents stop, each by its own stop steps; what takes too long is killed. |
| `actors` | Whatever other actors there are end; those that are stuck are left behind. |
| `flush` | yours: no agent runs any more. The system can still be asked. |
| `history` | What is left to write is written; the system's own actors end. |
| `processes` | The keeper ends, with whatever was left below it, and then the threads. |
| `end` | yours: nothing of the system is left. |
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from actorch.actors import DispatcherClosedError, UsageError, WouldBlockError
from actorch.actors._checks import check_seconds
from actorch.actors._report import report
from actorch.actors._shown import shown

from ._shutdown_task import ShutdownTask

__all__ = ["CoordinatedShutdown", "Pace", "Phase", "ShutdownPhase"]

_log = logging.getLogger("actorch.shutdown")

ShutdownPhase: TypeAlias = Literal["drain", "flush", "end"]
"""The phases in which an app's own tasks are called; see `ActorSystem.on_shutdown`."""


class Pace(msgspec.Struct, frozen=True):
    """How much time there is.

    Attributes:
        timeout: seconds for agents and supervision trees; None for as long as each asks for.
        cap: seconds that any other wait may take at most.
    """

    timeout: float | None = None
    cap: float = math.inf


class Phase(msgspec.Struct, frozen=True):
    """One step.

    Attributes:
        name: of the phase.
        work: what the system does in it; None if it is for tasks of the app.
    """

    name: str
    work: Callable[[Pace], object] | None = None


class CoordinatedShutdown:
    """Goes through the phases, once, on the threads of those who want the end.

    Args:
        phases: in their order.
    """

    def __init__(self, phases: Sequence[Phase]) -> None:
        self._phases: Final = phases
        self._lock = threading.RLock()
        self._turn = threading.RLock()
        self._tasks: list[ShutdownTask] = []
        self._passed: set[str] = set()
        self._begun = False

    @property
    def over(self) -> bool:
        """Whether all phases have passed."""
        return len(self._passed) == len(self._phases)

    def add(
        self, phase: str, function: Callable[[], object], name: str | None, timeout: float
    ) -> ShutdownTask:
        """See `ActorSystem.on_shutdown`."""
        allowed = [one.name for one in self._phases if one.work is None]
        if phase not in allowed:
            raise UsageError(f"no phase for tasks: {shown(phase, 100)}; there are {allowed}")
        timeout = check_seconds("timeout", timeout)
        shown_name = name or str(getattr(function, "__qualname__", function))
        with self._lock:
            if self._begun:
                raise DispatcherClosedError("this ActorSystem is closing, or closed")
            self._tasks = [task for task in self._tasks if not task.cancelled]
            self._tasks.append(task := ShutdownTask(phase, function, shown_name, timeout))
        return task

    def refuse_to_wait(self) -> None:
        """Raise where waiting for the end would wait for oneself.

        Raises:
            WouldBlockError: this is the thread of a task.
        """
        if any(task.is_here() for task in self._tasks):
            raise WouldBlockError("the system is closing, and waits for this task of its shutdown")

    def run(self, pace: Pace, hurry: Callable[[], object]) -> bool:
        """Go through all phases that have not passed, or wait for the thread that does.

        Args:
            pace: how much time there is.
            hurry: called if another thread is at it, and the timeout has passed.

        Returns:
            whether all phases have passed.
        """
        with self._lock:
            self._begun = True
        if not self._acquire(pace.timeout):
            hurry()
            if not self._acquire(pace.cap):
                return False
        try:
            for phase in self._phases:
                if phase.name not in self._passed:
                    self._pass(phase, pace)
                    self._passed.add(phase.name)
        finally:
            self._turn.release()
        return True

    def _acquire(self, timeout: float | None) -> bool:
        limit = math.inf if timeout is None else timeout
        return self._turn.acquire(timeout=min(limit, threading.TIMEOUT_MAX))

    def _pass(self, phase: Phase, pace: Pace) -> None:
        if phase.work is not None:
            try:
                phase.work(pace)
            except Exception as error:
                report(_log, error, "phase %r of the end of a system failed", phase.name)
        tasks = [task for task in self._tasks if task.phase == phase.name]
        for task in tasks:
            task.launch(pace.cap)
        for task in tasks:
            task.wait()

    def __repr__(self) -> str:
        state = "over" if self.over else "begun" if self._begun else "not begun"
        return f"<CoordinatedShutdown {state}, {len(self._tasks)} tasks>"
