"""Every error actorch raises, as one tree.

ActorchError                       something actorch did or refused to do
├── UsageError                     the caller's words are wrong; nothing was started
│   ├── SpecError                  a field of a spec: file, key, value, what is allowed
│   ├── ChildError                 no such child, or not in that state
│   └── UnsupportedPlatformError   neither Linux nor macOS
├── HistoryError                   the history file cannot be read or written
│   └── SchemaTooNewError          a newer actorch made it
├── ActorError                     the actor machinery
│   ├── MailboxFullError           a bounded mailbox refused a message
│   ├── WouldBlockError            waiting here would stop the loop that must answer
│   ├── ChildStartError            a child did not start, nor does its supervisor
│   ├── TooManyChildrenError       a dynamic supervisor is full
│   └── DispatcherClosedError      the system behind the actor is closed
├── AgentError                     how one agent came to its end without success
│   ├── SpawnError                 the program never ran
│   ├── NonZeroExitError           it ran and exited with a code that is no success
│   ├── SignalExitError            it was ended by a signal that actorch did not send
│   ├── AgentTimeoutError          it was ended for taking or being silent too long
│   ├── MemoryLimitError           it took more memory than it may
│   ├── OutputLimitError           it printed more than it may
│   ├── OutputLostError            what it printed could not be written
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

from typing import TYPE_CHECKING

from ._agent_errors import (
    ActorCrashedError,
    AgentError,
    AgentTimeoutError,
    AuthenticationRequiredError,
    CancelledError,
    MemoryLimitError,
    NonZeroExitError,
    OutputInvalidError,
    OutputLimitError,
    OutputLostError,
    SignalExitError,
    SpawnError,
    WaitFailedError,
)
from ._root_error import ActorchError
from ._run_errors import (
    InsufficientAgentsError,
    PartialFailureError,
    RunError,
    RunStoppedError,
    RunTimeoutError,
    TotalFailureError,
)
from ._shown import one_line, shown

if TYPE_CHECKING:
    from ._reasons import ExitReason

__all__ = [
    "ActorCrashedError", "ActorError", "ActorchError", "AgentError", "AgentTimeoutError",
    "AuthenticationRequiredError", "CancelledError", "ChildError", "ChildStartError",
    "DispatcherClosedError", "HistoryError",
    "InsufficientAgentsError", "MailboxFullError", "MemoryLimitError", "NonZeroExitError",
    "OutputInvalidError", "OutputLimitError", "OutputLostError", "PartialFailureError",
    "RunError", "RunStoppedError", "RunTimeoutError", "SchemaTooNewError", "SignalExitError",
    "SpawnError", "SpecError", "TooManyChildrenError", "TotalFailureError",
    "UnsupportedPlatformError", "UsageError", "WaitFailedError", "WouldBlockError",
]  # fmt: skip


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


class ChildError(UsageError):
    """A supervisor has no such child, or it is not in a state in which that can be done."""


class UnsupportedPlatformError(UsageError):
    """This operating system has no way to own a process tree."""


class HistoryError(ActorchError):
    """The history file cannot be read or written. Runs go on without it; `gc` cannot."""


class SchemaTooNewError(HistoryError):
    """A newer actorch made the history file. Upgrade, or use another state directory."""


class ActorError(ActorchError):
    """The actor machinery could not do what was asked; see the subclasses."""


class MailboxFullError(ActorError):
    """A bounded mailbox is full. Slow down, or raise the actor's ``mailbox_capacity``."""

    retryable = True


class WouldBlockError(ActorError):
    """A blocking wait on the dispatcher's own thread, which would wait for itself.

    Tell instead of ask, await the future, or make the actor ``blocking = True``.
    """


class ChildStartError(ActorError):
    """A child did not start. If it was one of the first, those started before it were stopped.

    Attributes:
        child: its id.
        reason: why its first incarnation ended.
    """

    def __init__(self, child: str, reason: ExitReason) -> None:
        super().__init__(child, reason)
        self.child = child
        self.reason = reason

    def __str__(self) -> str:
        return one_line(f"the child {self.child!r} did not start: {self.reason!r}", 1000)


class TooManyChildrenError(ActorError):
    """A dynamic supervisor has as many children as it may. Wait until one has ended."""

    retryable = True


class DispatcherClosedError(ActorError):
    """The system that ran this actor has been closed. Start a new one."""
