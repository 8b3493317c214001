"""How one agent came to its end without success; `_errors` draws the tree."""

from __future__ import annotations

from typing import ClassVar

from ._root_error import ActorchError

__all__ = [
    "ActorCrashedError",
    "AgentError",
    "AgentTimeoutError",
    "AuthenticationRequiredError",
    "CancelledError",
    "MemoryLimitError",
    "NonZeroExitError",
    "OutputInvalidError",
    "OutputLimitError",
    "OutputLostError",
    "SignalExitError",
    "SpawnError",
    "WaitFailedError",
]


class AgentError(ActorchError):
    """One agent ended without success.

    Attributes:
        agent: the agent's name.
        kind: the word for this class of error in JSON and in SQLite.
    """

    exit_code = 1
    kind: ClassVar[str] = "agent_failure"

    def __init__(self, agent: str, message: str) -> None:
        super().__init__(agent, message)
        self.agent = agent
        self.message = message

    def __str__(self) -> str:
        return f"{self.agent}: {self.message}"


class SpawnError(AgentError):
    """The program could not be started. Unlike NonZeroExitError, it never ran.

    Attributes:
        stage: what failed: ``cwd``, ``command``, ``interpreter``, ``exec``, ``files``, ``keeper``.
        errno: the system's number for the reason, 0 where there is none.
    """

    kind = "spawn_failed"

    def __init__(self, agent: str, message: str, *, stage: str, errno: int) -> None:
        super().__init__(agent, message)
        self.stage = stage
        self.errno = errno


class NonZeroExitError(AgentError):
    """The program ran and exited with a code that is not one of its success codes.

    Attributes:
        code: the exit code.
        stderr_tail: the last lines it wrote to stderr.
    """

    kind = "non_zero_exit"

    def __init__(self, agent: str, message: str, *, code: int, stderr_tail: str = "") -> None:
        super().__init__(agent, message)
        self.code = code
        self.stderr_tail = stderr_tail


class SignalExitError(AgentError):
    """The program was ended by a signal that actorch did not send.

    Attributes:
        signal: the signal's number.
        stderr_tail: the last lines it wrote to stderr.
    """

    kind = "signal"

    def __init__(self, agent: str, message: str, *, signal: int, stderr_tail: str = "") -> None:
        super().__init__(agent, message)
        self.signal = signal
        self.stderr_tail = stderr_tail


class AgentTimeoutError(AgentError):
    """The attempt was ended by actorch for taking, or being silent, too long.

    Attributes:
        limit: which limit: ``timeout``, ``idle_timeout`` or ``deadline``.
    """

    kind = "timeout"
    retryable = True

    def __init__(self, agent: str, message: str, *, limit: str) -> None:
        super().__init__(agent, message)
        self.limit = limit


class MemoryLimitError(AgentError):
    """The program was ended for taking more memory than its limit.

    Attributes:
        limit: bytes that it was allowed; None if the limit was not actorch's.
    """

    kind = "out_of_memory"

    def __init__(self, agent: str, message: str, *, limit: int | None) -> None:
        super().__init__(agent, message)
        self.limit = limit


class OutputLimitError(AgentError):
    """The program printed more than its limit.

    Attributes:
        limit: bytes that each of its files may take.
    """

    kind = "output_limit"

    def __init__(self, agent: str, message: str, *, limit: int | None) -> None:
        super().__init__(agent, message)
        self.limit = limit


class OutputLostError(AgentError):
    """What the program printed could not be written: the disk is full, most likely."""

    kind = "output_lost"


class OutputInvalidError(AgentError):
    """The program ended well, but what it printed cannot be read as its answer."""

    kind = "output_invalid"


class AuthenticationRequiredError(AgentError):
    """The program wants a login or a key that it was not given."""

    kind = "authentication_required"


class ActorCrashedError(AgentError):
    """An actor raised while it owned this agent; the agent's processes were ended."""

    kind = "actor_crashed"


class WaitFailedError(AgentError):
    """The agent's exit status could not be learnt: its shim or keeper was killed."""

    kind = "wait_failed"
    retryable = True


class CancelledError(AgentError):
    """The agent was stopped, or never started, because the run no longer wanted it."""

    kind = "cancelled"
