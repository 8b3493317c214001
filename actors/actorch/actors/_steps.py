"""Carrying out a stop plan, one step at a time."""

from __future__ import annotations

from typing import Final

from ._processes import OwnedProcess
from ._stop import StopPlan

__all__ = ["KILL_BOUND", "take_step"]

KILL_BOUND: Final = 15.0
"""Seconds after SIGKILL until an agent whose shim does not answer is given up as lost."""


def take_step(plan: StopPlan, number: int, process: OwnedProcess) -> float | None:
    """Send what step `number` of the plan sends; after the last one of them, SIGKILL.

    Returns:
        seconds until the next step; None if there is none.
    """
    if number < len(plan.steps):
        step = plan.steps[number]
        process.signal(step.signal)
        return step.wait
    if number == len(plan.steps):
        process.kill()
        return KILL_BOUND
    return None
