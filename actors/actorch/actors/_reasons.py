"""Why an actor ended, and the message that tells its watchers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from ._agent_errors import AgentError, AuthenticationRequiredError, SpawnError
from ._errors import ChildStartError, UsageError
from ._exit import ExitClass, classify_spawn_failure, signal_name

if TYPE_CHECKING:
    from ._ref import ActorRef

__all__ = [
    "BudgetExceeded",
    "Crashed",
    "ExitReason",
    "Killed",
    "Normal",
    "ProcessExit",
    "Shutdown",
    "StartFailed",
    "Terminated",
    "TimedOut",
]


class ExitReason(msgspec.Struct, frozen=True):
    """The root of all reasons."""

    is_failure: ClassVar[bool] = False

    @property
    def abnormal(self) -> bool:
        """Whether this end is a failure, which a supervisor may answer with a restart."""
        return self.is_failure

    @property
    def hopeless(self) -> bool:
        """Whether the same again would fail the same way, so that no restart is worth its while."""
        return False

    @property
    def likeness(self) -> str:
        """The same for all ends of the same kind: how a breaker knows one outage by many ends."""
        return type(self).__name__


class Normal(ExitReason, frozen=True):
    """It was asked to stop, by itself or by another, and handled its backlog first."""


class Shutdown(ExitReason, frozen=True):
    """It was stopped because its supervisor or its system ends, or no longer wants it."""


class Killed(ExitReason, frozen=True):
    """It was ended without handling its backlog; `on_stop` ran, unless a handler never returned."""

    is_failure: ClassVar[bool] = True


class Crashed(ExitReason, frozen=True):
    """It raised. Its `on_failure` ran, or it was its `on_stop` that raised."""

    exception: BaseException

    is_failure: ClassVar[bool] = True

    @property
    def likeness(self) -> str:
        """The class of the exception."""
        return f"Crashed: {_class_of(self.exception)}"


class StartFailed(ExitReason, frozen=True):
    """Its `__init__` or `on_start` raised, or its program could not be started."""

    exception: BaseException

    is_failure: ClassVar[bool] = True

    @property
    def hopeless(self) -> bool:
        """Whether there is no such program, no right to run it, or no sense in its spec."""
        return _is_hopeless(self.exception)

    @property
    def likeness(self) -> str:
        """The class of the exception."""
        return f"StartFailed: {_class_of(self.exception)}"


class ProcessExit(ExitReason, frozen=True):
    """The process of an agent ended, and its whole tree with it.

    Attributes:
        code: the exit code, or None when a signal ended it, or nobody knows.
        signal: the number of the signal that ended it, or None.
        requested: whether it had been told to end.
        error: why that is no success; None if it is one.
    """

    code: int | None
    signal: int | None
    requested: bool = False
    error: AgentError | None = None

    @property
    def abnormal(self) -> bool:
        """Whether it is no success, and nobody had told it to end."""
        return self.error is not None and not self.requested

    @property
    def hopeless(self) -> bool:
        """Whether it wants a login or a key."""
        return self.error is not None and _is_hopeless(self.error)

    @property
    def likeness(self) -> str:
        """The exit code, the signal, or the kind of the error where there is neither."""
        if self.signal is not None:
            return f"ProcessExit: {signal_name(self.signal)}"
        kind = self.error.kind if self.error is not None else "success"
        return f"ProcessExit: {kind if self.code is None else self.code}"


class TimedOut(ExitReason, frozen=True):
    """The process of an agent was ended for taking, or being silent, too long.

    Attributes:
        kind: the limit: "timeout", "idle_timeout" or "deadline".
    """

    kind: str

    is_failure: ClassVar[bool] = True

    @property
    def likeness(self) -> str:
        """Which limit it was."""
        return f"TimedOut: {self.kind}"


class BudgetExceeded(ExitReason, frozen=True):
    """It would have needed more restarts than its budget has; or a child of it would have.

    Unlike OTP's ``shutdown``, this is a failure: a parent acts on it.

    Attributes:
        child: the id of the child that failed once too often.
        restarts: how many its budget allows.
        within: in how many seconds.
        last: why that child ended the last time.
    """

    child: str
    restarts: int
    within: float
    last: ExitReason

    is_failure: ClassVar[bool] = True

    @property
    def hopeless(self) -> bool:
        """Whether it was given up since the same again would have failed the same way."""
        return self.last.hopeless

    @property
    def likeness(self) -> str:
        """That of the last end."""
        return f"BudgetExceeded: {self.last.likeness}"


class Terminated(msgspec.Struct, frozen=True):
    """Sent once to whoever watches an actor, after that actor's cleanup has run.

    Attributes:
        ref: the actor that ended.
        reason: why.
    """

    ref: ActorRef[Any]
    reason: ExitReason


def _class_of(exception: BaseException) -> str:
    return type(exception).__qualname__


def _is_hopeless(error: BaseException) -> bool:
    if isinstance(error, ChildStartError):
        return error.reason.hopeless
    if isinstance(error, SpawnError):
        return classify_spawn_failure(error.errno) is ExitClass.PERMANENT
    return isinstance(error, AuthenticationRequiredError | UsageError)
