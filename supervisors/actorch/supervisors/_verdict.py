"""When a run is satisfied or lost, and what it is called in the end. Pure."""

from __future__ import annotations

from enum import Enum

from actorch.actors._messages import StopReason

__all__ = ["Standing", "Verdict", "standing", "verdict_of"]


class Verdict(Enum):
    """How a run ended."""

    OK = "ok"
    """Every agent succeeded."""
    DEGRADED = "degraded"
    """The quorum was met, and some agents did not succeed."""
    FAILED = "failed"
    """The quorum was not met."""
    TIMED_OUT = "timed_out"
    """The deadline came before the quorum was met."""
    CANCELLED = "cancelled"
    """Stopped by request."""
    INTERRUPTED = "interrupted"
    """Stopped by a signal to actorch."""


class Standing(Enum):
    """How a run stands while it goes on."""

    OPEN = "open"
    SATISFIED = "satisfied"
    IMPOSSIBLE = "impossible"


def standing(required: int, succeeded: int, unfinished: int) -> Standing:
    """Whether a quorum is met, can still be met, or cannot any more."""
    if succeeded >= required:
        return Standing.SATISFIED
    return Standing.OPEN if succeeded + unfinished >= required else Standing.IMPOSSIBLE


def verdict_of(required: int, succeeded: int, total: int, stopped: StopReason | None) -> Verdict:
    """The verdict of a run in which nothing goes on any more.

    Args:
        required: how many successes the quorum asks for.
        succeeded: how many there are.
        total: how many agents there were.
        stopped: why the run was stopped before its agents were done, if it was.
    """
    if stopped is StopReason.INTERRUPTED:
        return Verdict.INTERRUPTED
    if stopped is StopReason.CANCELLED:
        return Verdict.CANCELLED
    if stopped is StopReason.CRASHED:
        return Verdict.FAILED
    if succeeded >= required:
        return Verdict.OK if succeeded == total else Verdict.DEGRADED
    return Verdict.TIMED_OUT if stopped is StopReason.DEADLINE else Verdict.FAILED
