"""How a run came to its end without what was asked of it; `_errors` draws the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._root_error import ActorchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._results import AgentResult

__all__ = [
    "InsufficientAgentsError",
    "PartialFailureError",
    "RunError",
    "RunStoppedError",
    "RunTimeoutError",
    "TotalFailureError",
]


class RunError(ActorchError):
    """A run ended without what was asked of it.

    Attributes:
        successes: the results of the agents that succeeded.
        failures: the results of those that did not.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        successes: Sequence[AgentResult] = (),
        failures: Sequence[AgentResult] = (),
    ) -> None:
        super().__init__(message)
        self.successes = tuple(successes)
        self.failures = tuple(failures)


class PartialFailureError(RunError):
    """The quorum was met, yet some agents failed (verdict ``degraded``)."""

    exit_code = 0


class InsufficientAgentsError(RunError):
    """Fewer agents succeeded than the quorum asks for.

    Attributes:
        required: how many successes the quorum asks for.
        actual: how many there were.
    """

    def __init__(
        self,
        message: str,
        successes: Sequence[AgentResult] = (),
        failures: Sequence[AgentResult] = (),
        *,
        required: int,
        actual: int,
    ) -> None:
        super().__init__(message, successes, failures)
        self.required = required
        self.actual = actual


class TotalFailureError(InsufficientAgentsError):
    """Not one agent succeeded."""


class RunTimeoutError(RunError, TimeoutError):
    """A deadline passed: the run's own, or that of ``run.wait(timeout=...)``."""

    exit_code = 124
    retryable = True


class RunStoppedError(RunError):
    """The run was stopped or interrupted before it could reach a verdict."""

    exit_code = 130
