"""Building blocks: what runs. Agents, actors, their results, states, signals and errors."""

from ._actor import Actor
from ._clock import Clock, SystemClock
from ._dispatcher import Dispatcher
from ._errors import (
    ActorchError,
    ActorCrashedError,
    ActorError,
    AgentError,
    AgentTimeoutError,
    AuthenticationRequiredError,
    CancelledError,
    DispatcherClosedError,
    InsufficientAgentsError,
    MailboxFullError,
    NonZeroExitError,
    OutputInvalidError,
    PartialFailureError,
    RunError,
    RunStoppedError,
    RunTimeoutError,
    SignalExitError,
    SpawnError,
    SpecError,
    TotalFailureError,
    UnsupportedPlatformError,
    UsageError,
    WaitFailedError,
    WouldBlockError,
)
from ._events import (
    AgentChanged,
    AgentOutput,
    Event,
    Events,
    HistoryLost,
    Receiver,
    RunFinished,
    RunStarted,
)
from ._exit import Exit, ExitClass
from ._future import Future
from ._reasons import (
    Crashed,
    ExitReason,
    Killed,
    Normal,
    Shutdown,
    StartFailed,
    Terminated,
)
from ._ref import ActorRef
from ._results import AgentResult, AttemptResult
from ._retry import Backoff, RetryPolicy
from ._spec import AgentSpec
from ._states import AgentEvent, AgentState
from ._stop import StopPlan, StopStep
from ._table import AgentRow, RunRow, Snapshot
from ._timers import Timer

__all__ = [
    "Actor",
    "ActorCrashedError",
    "ActorError",
    "ActorRef",
    "ActorchError",
    "AgentChanged",
    "AgentError",
    "AgentEvent",
    "AgentOutput",
    "AgentResult",
    "AgentRow",
    "AgentSpec",
    "AgentState",
    "AgentTimeoutError",
    "AttemptResult",
    "AuthenticationRequiredError",
    "Backoff",
    "CancelledError",
    "Clock",
    "Crashed",
    "Dispatcher",
    "DispatcherClosedError",
    "Event",
    "Events",
    "Exit",
    "ExitClass",
    "ExitReason",
    "Future",
    "HistoryLost",
    "InsufficientAgentsError",
    "Killed",
    "MailboxFullError",
    "NonZeroExitError",
    "Normal",
    "OutputInvalidError",
    "PartialFailureError",
    "Receiver",
    "RetryPolicy",
    "RunError",
    "RunFinished",
    "RunRow",
    "RunStarted",
    "RunStoppedError",
    "RunTimeoutError",
    "Shutdown",
    "SignalExitError",
    "Snapshot",
    "SpawnError",
    "SpecError",
    "StartFailed",
    "StopPlan",
    "StopStep",
    "SystemClock",
    "Terminated",
    "Timer",
    "TotalFailureError",
    "UnsupportedPlatformError",
    "UsageError",
    "WaitFailedError",
    "WouldBlockError",
]
