"""Durations, states and verdicts in words and colours."""

from __future__ import annotations

from typing import Final

from actorch.actors import AgentState
from actorch.supervisors import RunResult, Verdict

__all__ = ["STYLES", "SYMBOLS", "VERDICT_STYLES", "duration", "sentence"]

SYMBOLS: Final[dict[AgentState, str]] = {
    AgentState.PENDING: "·",
    AgentState.QUEUED: "·",
    AgentState.STARTING: "▸",
    AgentState.RUNNING: "▶",
    AgentState.STOPPING: "■",
    AgentState.BACKOFF: "↻",
    AgentState.SUCCEEDED: "✔",
    AgentState.FAILED: "✘",
    AgentState.TIMED_OUT: "✘",
    AgentState.CANCELLED: "○",
    AgentState.LOST: "?",
    AgentState.INTERRUPTED: "?",
}
"""One for each state: colour alone tells some people nothing."""

STYLES: Final[dict[AgentState, str]] = {
    AgentState.PENDING: "bright_black",
    AgentState.QUEUED: "bright_black",
    AgentState.STARTING: "cyan",
    AgentState.RUNNING: "cyan",
    AgentState.STOPPING: "yellow",
    AgentState.BACKOFF: "yellow",
    AgentState.SUCCEEDED: "green",
    AgentState.FAILED: "red",
    AgentState.TIMED_OUT: "red",
    AgentState.CANCELLED: "bright_black",
    AgentState.LOST: "red",
    AgentState.INTERRUPTED: "red",
}

VERDICT_STYLES: Final[dict[Verdict, str]] = {
    Verdict.OK: "green",
    Verdict.DEGRADED: "yellow",
    Verdict.FAILED: "red",
    Verdict.TIMED_OUT: "red",
    Verdict.CANCELLED: "yellow",
    Verdict.INTERRUPTED: "yellow",
}


def duration(seconds: float) -> str:
    """A duration as one reads it: ``0.4 s``, ``59 s``, ``2m05s``, ``1h02m``."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def sentence(result: RunResult) -> str:
    """The verdict, and what it rests on."""
    if result.verdict is None:
        return "no verdict"
    count = f"{len(result.successes)} of {result.total} agents succeeded"
    if result.total == 1:
        count = "the agent succeeded" if result.successes else "the agent did not succeed"
    quorum = f", {result.required} required" if result.total > 1 else ""
    return f"{result.verdict.value}: {count}{quorum}, in {duration(result.duration)}"
