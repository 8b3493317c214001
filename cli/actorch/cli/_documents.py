"""A run as plain values, for machines: one document, or one object for each event."""

from __future__ import annotations

from typing import assert_never

from actorch.actors import (
    AgentChanged,
    AgentError,
    AgentOutput,
    AgentResult,
    AgentRow,
    AttemptResult,
    DeadLetter,
    Event,
    HistoryLost,
    LeftoversFound,
    RunFinished,
    RunStarted,
)
from actorch.supervisors import RunResult, RunSpec

from ._json import Document, moment

__all__ = ["event_document", "run_document"]


def run_document(result: RunResult, spec: RunSpec) -> Document:
    """Everything about a run. Durations are seconds; exit code and signal are two fields."""
    return {
        "run": result.run_id,
        "name": result.name,
        "verdict": result.verdict.value if result.verdict else None,
        "quorum": _quorum(spec, result),
        "started": moment(result.started),
        "duration": round(result.duration, 6),
        "directory": result.directory,
        "error": result.error,
        "history": result.history,
        "agents": [_agent(agent) for agent in result.agents],
    }


def _quorum(spec: RunSpec, result: RunResult) -> Document:
    return {
        "text": str(spec.quorum),
        "required": result.required,
        "succeeded": len(result.successes),
        "total": result.total,
    }


def _agent(agent: AgentResult) -> Document:
    end = agent.exit
    return {
        "name": agent.name,
        "state": agent.state.value,
        "exit_code": end.code if end else None,
        "signal": end.signal if end else None,
        "error": _error(agent.error),
        "attempts": [_attempt(attempt) for attempt in agent.attempts],
        "duration": round(agent.duration, 6),
        "stdout_path": agent.stdout_path,
        "stderr_path": agent.stderr_path,
    }


def _error(error: AgentError | None) -> Document | None:
    return None if error is None else {"class": error.kind, "message": error.message}


def _attempt(attempt: AttemptResult) -> Document:
    end = attempt.exit
    failed = attempt.error_class is not None
    return {
        "number": attempt.number,
        "state": attempt.state.value,
        "exit_code": end.code if end else None,
        "signal": end.signal if end else None,
        "error": {"class": attempt.error_class, "message": attempt.error} if failed else None,
        "pid": attempt.pid,
        "started": moment(attempt.started),
        "duration": round(attempt.duration, 6),
        "backoff": attempt.backoff,
        "stdout_path": attempt.stdout_path,
        "stderr_path": attempt.stderr_path,
        "stdout_bytes": attempt.stdout_bytes,
        "stderr_bytes": attempt.stderr_bytes,
        "truncated": attempt.truncated,
        "user_time": end.user_time if end else None,
        "system_time": end.system_time if end else None,
        "max_rss": end.max_rss if end else None,
        "leftovers": end.leftovers if end else None,
        "killed": end.killed if end else None,
        "survivors": list(attempt.survivors),
    }


def event_document(event: Event, now: float) -> Document:
    """One event.

    Args:
        event: what happened.
        now: seconds since the epoch.
    """
    head: Document = {"event": _name(event), "time": round(now, 6)}
    match event:
        case RunStarted(run=run, agents=agents):
            names = [agent.name for agent in agents]
            return {**head, "run": run.run_id, "name": run.name, "agents": names}
        case AgentChanged(agent=agent):
            return {**head, **_row(agent)}
        case AgentOutput(run_id=run_id, agent=name, attempt=number):
            paths = {"stdout_path": event.stdout_path, "stderr_path": event.stderr_path}
            return {**head, "run": run_id, "agent": name, "attempt": number, **paths}
        case RunFinished(run=run):
            verdict = {"verdict": run.verdict, "required": run.required, "total": run.total}
            return {**head, "run": run.run_id, "name": run.name, **verdict}
        case HistoryLost(reason=reason):
            return {**head, "reason": reason}
        case LeftoversFound(runs=runs, processes=processes):
            return {**head, "runs": list(runs), "processes": processes}
        case DeadLetter(recipient=recipient, reason=reason):
            return {**head, "recipient": recipient, "reason": reason}
        case _:
            assert_never(event)


def _row(row: AgentRow) -> Document:
    return {
        "run": row.run_id,
        "agent": row.name,
        "state": row.state.value,
        "attempt": row.attempt,
        "max_attempts": row.max_attempts,
        "pid": row.pid,
        "detail": row.detail,
        "retry_in": None if row.retry_at is None else round(row.retry_at - row.since, 6),
        "stdout_path": row.stdout_path,
        "stderr_path": row.stderr_path,
    }


def _name(event: Event) -> str:
    names: dict[type[Event], str] = {
        RunStarted: "run_started",
        AgentChanged: "agent_changed",
        AgentOutput: "agent_output",
        RunFinished: "run_finished",
        HistoryLost: "history_lost",
        LeftoversFound: "leftovers_found",
    }
    return names[type(event)]
