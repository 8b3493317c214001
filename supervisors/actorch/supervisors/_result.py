"""What is left of a run when it is over, or so far."""

from __future__ import annotations

import msgspec

from actorch.actors import (
    AgentResult,
    InsufficientAgentsError,
    PartialFailureError,
    RunError,
    RunStoppedError,
    RunTimeoutError,
    TotalFailureError,
)

from ._verdict import Verdict

__all__ = ["RunResult"]


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a run's agents, and the verdict on them.

    Attributes:
        run_id: the run's id.
        name: its name, or "".
        verdict: None while the run goes on.
        required: how many successes its quorum asks for.
        total: how many agents it has.
        started: seconds since the epoch.
        duration: seconds; so far, while it goes on.
        agents: those that have ended, in the order they were given.
        directory: where the output files are.
        error: why actorch itself gave up, if it did.
        history: why the run is not in the history file, None if it is.
    """

    run_id: str
    name: str
    verdict: Verdict | None
    required: int
    total: int
    started: float
    duration: float
    agents: tuple[AgentResult, ...]
    directory: str
    error: str | None = None
    history: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the quorum was met and nothing stopped the run: `ok` or `degraded`."""
        return self.verdict in (Verdict.OK, Verdict.DEGRADED)

    @property
    def successes(self) -> tuple[AgentResult, ...]:
        """The agents that succeeded."""
        return tuple(agent for agent in self.agents if agent.ok)

    @property
    def failures(self) -> tuple[AgentResult, ...]:
        """The agents that ended otherwise."""
        return tuple(agent for agent in self.agents if not agent.ok)

    def __getitem__(self, name: str) -> AgentResult:
        """The result of one agent.

        Raises:
            KeyError: no agent of that name has ended.
        """
        for agent in self.agents:
            if agent.name == name:
                return agent
        raise KeyError(name)

    def raise_for_verdict(self) -> RunResult:
        """Return the result if every agent succeeded; raise what happened otherwise.

        Raises:
            PartialFailureError: the quorum was met, but some agents failed (`degraded`).
            TotalFailureError: no agent succeeded.
            InsufficientAgentsError: fewer succeeded than the quorum asks for.
            RunTimeoutError: the deadline came first.
            RunStoppedError: the run was stopped or interrupted.
            RunError: actorch itself gave up, or the run is not over.
        """
        if self.verdict is not Verdict.OK:
            raise self._failure()
        return self

    def _failure(self) -> RunError:
        good, bad = self.successes, self.failures
        count = f"{len(good)} of {self.total} agents succeeded, {self.required} required"
        if self.error is not None:
            return RunError(self.error, good, bad)
        match self.verdict:
            case Verdict.DEGRADED:
                names = ", ".join(agent.name for agent in bad)
                return PartialFailureError(f"{count}; without success: {names}", good, bad)
            case Verdict.TIMED_OUT:
                return RunTimeoutError(f"the deadline came first: {count}", good, bad)
            case Verdict.CANCELLED | Verdict.INTERRUPTED:
                return RunStoppedError(f"the run was {self.verdict.value}: {count}", good, bad)
            case Verdict.FAILED:
                kind = InsufficientAgentsError if good else TotalFailureError
                return kind(count, good, bad, required=self.required, actual=len(good))
            case _:
                return RunError(f"the run goes on: {count}", good, bad)

    def __repr__(self) -> str:
        verdict = self.verdict.value if self.verdict else "running"
        return f"<RunResult {self.run_id} {verdict}: {len(self.successes)} of {self.total}>"
