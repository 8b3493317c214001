"""Every error actorch raises, as one tree.

ActorchError                       something actorch did or refused to do
├── UsageError                     the caller's words are wrong; nothing was started
│   ├── SpecError                  a field of a spec: file, key, value, what is allowed
│   └── UnsupportedPlatformError   neither Linux nor macOS
├── ActorError                     the actor machinery
│   ├── MailboxFullError           a bounded mailbox refused a message
│   ├── WouldBlockError            waiting here would stop the loop that must answer
│   └── DispatcherClosedError      the system behind the actor is closed
├── AgentError                     how one agent came to its end without success
│   ├── SpawnError                 the program never ran
│   ├── NonZeroExitError           it ran and exited with a code that is no success
│   ├── SignalExitError            it was ended by a signal that actorch did not send
│   ├── AgentTimeoutError          it was ended for taking or being silent too long
│   ├── OutputInvalidError         it ended well, but what it printed is not an answer
│   ├── AuthenticationRequiredError  it wants a login or a key
│   ├── ActorCrashedError          the actor that owned it raised
│   ├── WaitFailedError            its exit status could not be learnt
│   └── CancelledError             it was stopped before it was done
└── RunError                       how a run came to its end without a full success
    ├── PartialFailureError        some succeeded, some failed; carries both
    ├── InsufficientAgentsError    fewer successes than the quorum asks for
    │   └── TotalFailureError      no agent succeeded
    ├── RunTimeoutError            the deadline of the run, or of a wait, has passed
    └── RunStoppedError            the run was stopped or interrupted
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ._shown import one_line, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._results import AgentResult

__all__ = [
    "ActorCrashedError", "ActorError", "ActorchError", "AgentError", "AgentTimeoutError",
    "AuthenticationRequiredError", "CancelledError", "DispatcherClosedError",
    "InsufficientAgentsError", "MailboxFullError", "NonZeroExitError", "OutputInvalidError",
    "PartialFailureError", "RunError", "RunStoppedError", "RunTimeoutError", "SignalExitError",
    "SpawnError", "SpecError", "TotalFailureError", "UnsupportedPlatformError", "UsageError",
    "WaitFailedError", "WouldBlockError",
]  # fmt: skip


class ActorchError(Exception):
    """The root of everything actorch raises.

    Attributes:
        exit_code: what the command line exits with when this error ends it.
        retryable: whether doing the same thing again may well succeed.
    """

    exit_code: ClassVar[int] = 125
    retryable: ClassVar[bool] = False


class UsageError(ActorchError):
    """The words given to actorch cannot be followed; nothing was started."""

    exit_code = 2


class SpecError(UsageError):
    """One field of a specification is wrong.

    Its text is one line of limited length, whatever the value is.

    Args:
        key: where, as a path: ``agent.lint.timeout`` or ``quorum``.
        value: what was found there; a stand-in where it may be a secret.
        allowed: what may stand there, as a phrase that follows "must be".
        source: the file it was read from, if any.
    """

    def __init__(self, key: str, value: object, allowed: str, source: str | None = None) -> None:
        super().__init__(key, value, allowed, source)
        self.key = key
        self.value = value
        self.allowed = allowed
        self.source = source

    def __str__(self) -> str:
        source = f"{one_line(self.source, 300)}: " if self.source else ""
        found = f"{one_line(self.key, 300)}: {shown(self.value, 120)}"
        return f"{source}{found} is not allowed: must be {one_line(self.allowed, 400)}"

    def within(self, prefix: str = "", source: str | None = None) -> SpecError:
        """The same error, seen from the file or table the field stands in."""
        return SpecError(prefix + self.key, self.value, self.allowed, source or self.source)


class UnsupportedPlatformError(UsageError):
    """This operating system has no way to own a process tree."""


class ActorError(ActorchError):
    """The actor machinery could not do what was asked; see the subclasses."""


class MailboxFullError(ActorError):
    """A bounded mailbox is full. Slow down, or raise the actor's ``mailbox_capacity``."""

    retryable = True


class WouldBlockError(ActorError):
    """A blocking wait on the dispatcher's own thread, which would wait for itself.

    Tell instead of ask, await the future, or make the actor ``blocking = True``.
    """


class DispatcherClosedError(ActorError):
    """The system that ran this actor has been closed. Start a new one."""


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
