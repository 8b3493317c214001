"""What an ended attempt means: pure, from what happened to the state, the class and the error."""

from __future__ import annotations

import errno as errnos
import os
from collections.abc import Iterable
from typing import Final

import msgspec

from ._errors import (
    ActorCrashedError,
    AgentError,
    AgentTimeoutError,
    CancelledError,
    MemoryLimitError,
    NonZeroExitError,
    OutputLimitError,
    OutputLostError,
    SignalExitError,
    SpawnError,
    WaitFailedError,
)
from ._exit import Exit, ExitClass, classify_exit, classify_spawn_failure, signal_name
from ._messages import StopReason
from ._process_events import Ended, Lost, SpawnFailed, Survivor
from ._sizes import size_text
from ._spec import AgentSpec
from ._states import AgentEvent

__all__ = ["Outcome", "Printed", "deserves_retry", "exit_of", "outcome_of"]


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt counts.

    Attributes:
        event: what it does to the agent if no other attempt follows.
        exit_class: what it means for the next attempt.
        exit: how the process ended, if it ran and that is known.
        error: None after a success.
        survivors: processes of its tree that could not be ended, as "pid: reason".
    """

    event: AgentEvent
    exit_class: ExitClass
    exit: Exit | None = None
    error: AgentError | None = None
    survivors: tuple[str, ...] = ()


def exit_of(event: Ended, requested: bool) -> Exit:
    """The end of a process as people and the journal see it."""
    return Exit(
        code=event.code,
        signal=event.signal,
        requested=requested,
        user_time=event.user_time,
        system_time=event.system_time,
        max_rss=event.max_rss,
        leftovers=event.leftovers,
        killed=event.killed,
        survivors=_names(event.survivors),
    )


class Printed(msgspec.Struct, frozen=True):
    """What is to be known of an attempt's output when it has ended.

    Attributes:
        tail: the last lines, for the error.
        disk_full: whether no file could grow any more.
        exceeded: whether there was more than its limit allows.
        trouble: why it could not be written, if it could not.
    """

    tail: str = ""
    disk_full: bool = False
    exceeded: bool = False
    trouble: str = ""


_NOTHING: Final = Printed()


def outcome_of(
    spec: AgentSpec,
    event: SpawnFailed | Ended | Lost,
    stopped: StopReason | None,
    printed: Printed = _NOTHING,
) -> Outcome:
    """Classify the end of an attempt.

    Args:
        spec: the agent's.
        event: the last word about its process.
        stopped: why actorch told it to end, if it did; this beats whatever the program made of it.
        printed: what there is to say about its output.
    """
    outcome = _outcome_of(spec, event, stopped, printed)
    survivors = () if isinstance(event, SpawnFailed) else _names(event.survivors)
    return msgspec.structs.replace(outcome, survivors=survivors) if survivors else outcome


def _outcome_of(
    spec: AgentSpec,
    event: SpawnFailed | Ended | Lost,
    stopped: StopReason | None,
    printed: Printed,
) -> Outcome:
    end = exit_of(event, stopped is not None) if isinstance(event, Ended) else None
    if stopped is not None:
        return _stopped(spec, stopped, end, printed.trouble)
    if isinstance(event, SpawnFailed):
        return _not_spawned(spec, event)
    if end is None:
        assert isinstance(event, Lost)
        return _lost(spec, event.reason)
    if isinstance(event, Ended) and event.starved and end.code not in spec.success_codes:
        return _starved(spec, end)
    if end.code is None and end.signal is None:
        return _lost(spec, f"SIGKILL did not end it ({', '.join(end.survivors)})", end)
    if printed.trouble:
        return _unwritten(spec, end, printed.trouble)
    if printed.exceeded:
        return _overflowed(spec, end)
    return _ended(spec, end, printed.tail, "; the disk is full" if printed.disk_full else "")


def deserves_retry(spec: AgentSpec, outcome: Outcome, attempt: int) -> bool:
    """Whether the agent's policy asks for another attempt after this one.

    Never while processes of the old one live, as survivors or because they are meant to: a second
    copy beside them would be worse.
    """
    left = spec.keep_descendants and outcome.exit is not None and outcome.exit.leftovers > 0
    if attempt >= spec.retry.max_attempts or outcome.survivors or left:
        return False
    return spec.retry.wants(outcome.exit_class, outcome.exit.code if outcome.exit else None)


def _ended(spec: AgentSpec, end: Exit, tail: str, cause: str) -> Outcome:
    exit_class = classify_exit(end, spec.success_codes)
    if exit_class is ExitClass.SUCCESS:
        return Outcome(AgentEvent.SUCCEED, exit_class, end)
    error: AgentError
    if end.signal is not None:
        message = f"ended by {signal_name(end.signal)}, which actorch did not send{cause}"
        error = SignalExitError(spec.name, message, signal=end.signal, stderr_tail=tail)
    else:
        code = end.code or 0
        error = NonZeroExitError(spec.name, f"exit code {code}{cause}", code=code, stderr_tail=tail)
    return Outcome(AgentEvent.FAIL, exit_class, end, error)


def _stopped(spec: AgentSpec, reason: StopReason, end: Exit | None, trouble: str) -> Outcome:
    limits = {
        StopReason.TIMEOUT: ("timeout", spec.timeout),
        StopReason.IDLE: ("idle_timeout", spec.idle_timeout),
        StopReason.DEADLINE: ("deadline", None),
    }
    if reason in limits:
        limit, seconds = limits[reason]
        message = reason.value if seconds is None else f"{reason.value} of {seconds:g} s"
        timed_out = AgentTimeoutError(spec.name, message, limit=limit)
        return Outcome(AgentEvent.TIME_OUT, ExitClass.TIMEOUT, end, timed_out)
    if reason is StopReason.MEMORY:
        return _starved(spec, end)
    if reason is StopReason.OUTPUT:
        return _overflowed(spec, end)
    if reason is StopReason.UNWRITTEN:
        return _unwritten(spec, end, trouble)
    if reason is StopReason.CRASHED:
        crashed = ActorCrashedError(spec.name, reason.value)
        return Outcome(AgentEvent.FAIL, ExitClass.CANCELLED, end, crashed)
    cancelled = CancelledError(spec.name, reason.value)
    return Outcome(AgentEvent.CANCEL, ExitClass.CANCELLED, end, cancelled)


def _starved(spec: AgentSpec, end: Exit | None) -> Outcome:
    limit = spec.memory_max
    what = "the limit of its cgroup" if limit is None else f"its memory_max of {size_text(limit)}"
    error = MemoryLimitError(spec.name, f"out of memory: took more than {what}", limit=limit)
    return Outcome(AgentEvent.FAIL, ExitClass.MEMORY, end, error)


def _overflowed(spec: AgentSpec, end: Exit | None) -> Outcome:
    limit = spec.output_max
    most = "" if limit is None else f" of {size_text(limit)}"
    message = f"output limit: printed more than its output_max{most}"
    if spec.on_output_max == "keep-tail":
        message += ", and the head cannot be given back on this file system"
    error = OutputLimitError(spec.name, message, limit=limit)
    return Outcome(AgentEvent.FAIL, ExitClass.OUTPUT, end, error)


def _unwritten(spec: AgentSpec, end: Exit | None, trouble: str) -> Outcome:
    error = OutputLostError(spec.name, f"its output could not be written: {trouble}")
    return Outcome(AgentEvent.FAIL, ExitClass.OUTPUT, end, error)


def _names(survivors: Iterable[Survivor]) -> tuple[str, ...]:
    return tuple(f"{one.pid}: {one.reason}" for one in survivors)


def _lost(spec: AgentSpec, reason: str, end: Exit | None = None) -> Outcome:
    error = WaitFailedError(spec.name, f"its end is unknown: {reason}")
    return Outcome(AgentEvent.LOSE, ExitClass.TRANSIENT, end, error)


def _not_spawned(spec: AgentSpec, event: SpawnFailed) -> Outcome:
    error = SpawnError(
        spec.name, _why_not_spawned(spec, event), stage=event.stage, errno=event.errno
    )
    return Outcome(AgentEvent.FAIL, classify_spawn_failure(event.errno), error=error)


def _why_not_spawned(spec: AgentSpec, event: SpawnFailed) -> str:
    reason = os.strerror(event.errno) if event.errno else "no reason given"
    match event.stage, event.errno:
        case "command", errnos.ENOENT:
            return f"command not found: {spec.argv[0]}"
        case "command", errnos.EACCES:
            return f"not executable: {event.path or spec.argv[0]} (chmod +x, or a directory?)"
        case "interpreter", _:
            return f"the interpreter in the #! line of {event.path} is missing: {reason}"
        case "exec", errnos.ENOEXEC:
            return f"{event.path} is no program and has no #! line; name its interpreter"
        case "exec", errnos.E2BIG:
            return "its arguments and environment are too long; put the prompt on stdin"
        case "cwd", _:
            return f"cannot work in {event.path or spec.cwd}: {reason}"
        case "cgroup", _:
            return f"cannot be put into a cgroup ({event.path}): {reason}"
        case "files", _:
            return f"cannot open its output files: {reason}"
        case stage, _:
            return f"cannot be started ({stage}): {reason}"
