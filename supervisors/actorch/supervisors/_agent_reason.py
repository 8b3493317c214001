"""Why an agent that is a child ended, from the result of its run. Pure."""

from __future__ import annotations

from actorch.actors import (
    ActorCrashedError,
    AgentResult,
    AgentTimeoutError,
    Crashed,
    ExitReason,
    ProcessExit,
    SpawnError,
    StartFailed,
    TimedOut,
)

__all__ = ["reason_of"]


def reason_of(result: AgentResult, *, requested: bool) -> ExitReason:
    """The reason that its watchers are told.

    Args:
        result: of the agent.
        requested: whether it had been told to end.
    """
    error = result.error
    if isinstance(error, AgentTimeoutError) and not requested:
        return TimedOut(error.limit)
    if isinstance(error, SpawnError):
        return StartFailed(error)
    if isinstance(error, ActorCrashedError):
        return Crashed(error)
    end = result.attempts[-1].exit if result.attempts else None
    code, number = (None, None) if end is None else (end.code, end.signal)
    return ProcessExit(code, number, requested, error)
