"""The states of an agent, the events that move it, and the one total table of both.

Every pair of state and event has an entry. `IGNORED` marks a late or repeated event, which changes
nothing; `IMPOSSIBLE` marks a pair that only a defect can bring about.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from ._errors import ActorchError

__all__ = [
    "TRANSITIONS",
    "AgentEvent",
    "AgentState",
    "ImpossibleTransitionError",
    "next_state",
]


class AgentState(Enum):
    """Where an agent stands. The last six are final."""

    PENDING = "pending"
    """Known, not yet in the queue."""
    QUEUED = "queued"
    """Waits for one of the run's slots."""
    STARTING = "starting"
    """Has a slot; its process is being started."""
    RUNNING = "running"
    """Its process runs."""
    STOPPING = "stopping"
    """Its process tree has been told to end and is not proven gone."""
    BACKOFF = "backoff"
    """An attempt failed; waits before the next one, without a slot."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"
    """Its shim or keeper was killed, so nobody knows how it ended."""
    INTERRUPTED = "interrupted"
    """The actorch that owned it died first."""

    __hash__ = object.__hash__  # there is one of each; Enum's own is slow, and asked all the time

    @property
    def final(self) -> bool:
        """Whether the agent stays in this state for ever."""
        return self in _FINAL


_FINAL: Final = frozenset(
    {
        AgentState.SUCCEEDED,
        AgentState.FAILED,
        AgentState.TIMED_OUT,
        AgentState.CANCELLED,
        AgentState.LOST,
        AgentState.INTERRUPTED,
    }
)


class AgentEvent(Enum):
    """What may happen to an agent."""

    QUEUE = "queue"
    """It joins the queue for a slot: at first, and after each backoff."""
    START = "start"
    """A slot is free for it."""
    UP = "up"
    """Its process runs."""
    STOP = "stop"
    """Its process tree is told to end."""
    RETRY = "retry"
    """The attempt is over without success, and another one is due."""
    SUCCEED = "succeed"
    FAIL = "fail"
    TIME_OUT = "time_out"
    CANCEL = "cancel"
    LOSE = "lose"
    INTERRUPT = "interrupt"

    __hash__ = object.__hash__


class ImpossibleTransitionError(ActorchError):
    """An event reached an agent in a state where it cannot happen: a defect in actorch."""


class _Outcome(Enum):
    IGNORED = "ignored"
    IMPOSSIBLE = "impossible"


IGNORED: Final = _Outcome.IGNORED
IMPOSSIBLE: Final = _Outcome.IMPOSSIBLE

_S = AgentState
_E = AgentEvent

_ENDINGS: Final[dict[AgentEvent, AgentState]] = {
    _E.SUCCEED: _S.SUCCEEDED,
    _E.FAIL: _S.FAILED,
    _E.TIME_OUT: _S.TIMED_OUT,
    _E.CANCEL: _S.CANCELLED,
    _E.LOSE: _S.LOST,
    _E.INTERRUPT: _S.INTERRUPTED,
}

_WITHOUT_PROCESS: Final[dict[AgentEvent, AgentState | _Outcome]] = {
    _E.UP: IMPOSSIBLE,
    _E.STOP: IGNORED,
    _E.RETRY: IMPOSSIBLE,
    _E.SUCCEED: IMPOSSIBLE,
    _E.FAIL: _S.FAILED,
    _E.TIME_OUT: _S.TIMED_OUT,
    _E.CANCEL: _S.CANCELLED,
    _E.LOSE: IMPOSSIBLE,
    _E.INTERRUPT: _S.INTERRUPTED,
}

TRANSITIONS: Final[dict[AgentState, dict[AgentEvent, AgentState | _Outcome]]] = {
    _S.PENDING: {**_WITHOUT_PROCESS, _E.QUEUE: _S.QUEUED, _E.START: IMPOSSIBLE},
    _S.QUEUED: {**_WITHOUT_PROCESS, _E.QUEUE: IGNORED, _E.START: _S.STARTING},
    _S.BACKOFF: {**_WITHOUT_PROCESS, _E.QUEUE: _S.QUEUED, _E.START: IMPOSSIBLE},
    _S.STARTING: {
        **_ENDINGS,
        _E.QUEUE: IMPOSSIBLE,
        _E.START: IGNORED,
        _E.UP: _S.RUNNING,
        _E.STOP: _S.STOPPING,
        _E.RETRY: _S.BACKOFF,
        _E.SUCCEED: IMPOSSIBLE,
    },
    _S.RUNNING: {
        **_ENDINGS,
        _E.QUEUE: IMPOSSIBLE,
        _E.START: IGNORED,
        _E.UP: IGNORED,
        _E.STOP: _S.STOPPING,
        _E.RETRY: _S.BACKOFF,
    },
    _S.STOPPING: {
        **_ENDINGS,
        _E.QUEUE: IMPOSSIBLE,
        _E.START: IGNORED,
        _E.UP: IGNORED,
        _E.STOP: IGNORED,
        _E.RETRY: _S.BACKOFF,
        _E.SUCCEED: IMPOSSIBLE,
    },
    **{state: dict.fromkeys(AgentEvent, IGNORED) for state in AgentState if state.final},
}


def next_state(state: AgentState, event: AgentEvent) -> AgentState:
    """The state that `event` leads to from `state`; `state` itself where it changes nothing.

    Raises:
        ImpossibleTransitionError: the pair can only come from a defect.
    """
    entry = TRANSITIONS[state][event]
    if isinstance(entry, AgentState):
        return entry
    if entry is IMPOSSIBLE:
        raise ImpossibleTransitionError(f"an agent that is {state.value} cannot {event.value}")
    return state
