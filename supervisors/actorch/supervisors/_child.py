"""What a child is: what to start, when it is restarted, and how it is stopped. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, Final, Literal, TypeAlias, cast

import msgspec
import pykka

from actorch.actors import Actor, AgentSpec, SpecError, StopPlan
from actorch.actors._checks import (
    check_bool,
    check_name,
    check_seconds,
    check_string,
    check_type,
    check_word,
    is_list,
    is_table,
)
from actorch.actors._shown import unless_container, unshown

from ._budget import Budget
from ._restart_backoff import RestartBackoff
from ._restart_context import RestartContext
from ._strategy import RESTART_TYPES, RestartType
from ._supervisor_spec import SupervisorSpec

__all__ = [
    "BRUTAL_KILL",
    "INFINITY",
    "ChildKind",
    "ChildSpec",
    "Resolved",
    "ShutdownRule",
    "Startable",
    "kind_of",
    "what_to_start",
]


class ShutdownRule(Enum):
    """How long a child has to end when it is stopped, other than in seconds."""

    BRUTAL_KILL = "brutal_kill"
    """It is not asked to end: it is killed."""
    INFINITY = "infinity"
    """As long as it takes."""

    def __repr__(self) -> str:
        return self.name


BRUTAL_KILL: Final = ShutdownRule.BRUTAL_KILL
INFINITY: Final = ShutdownRule.INFINITY

ChildKind: TypeAlias = Literal["actor", "agent", "supervisor", "factory"]
Ready: TypeAlias = (
    type[Actor] | type[pykka.ThreadingActor] | partial[Any] | AgentSpec | SupervisorSpec
)
Startable: TypeAlias = Ready | Callable[[RestartContext], Ready]
"""An actor's class, a `functools.partial` of one, an `AgentSpec`, a supervisor's spec, or what
returns one of these when it is called with a `RestartContext`."""
Resolved: TypeAlias = (
    tuple[type[pykka.Actor], tuple[object, ...], dict[str, object]] | AgentSpec | SupervisorSpec
)
"""An actor's class with its arguments, or the spec of something else."""

_READY: Final = (
    "an Actor or pykka.ThreadingActor class, a functools.partial of one, an AgentSpec, "
    "a Supervisor or a DynamicSupervisor"
)
_STARTABLE: Final = f"{_READY}, or a function that takes a RestartContext and returns one of these"
_SHUTDOWN: Final = "a number of seconds, a StopPlan, BRUTAL_KILL, INFINITY or None"


class ChildSpec(msgspec.Struct, frozen=True):
    """One child of a supervisor. Checked whole when it is made.

    Attributes:
        id: unique in its supervisor; 1 to 200 printable characters.
        start: what is started; see `Startable`.
        args: for the actor's class, if `start` is one.
        kwargs: the same, by name.
        restart: whether it is started again when it has ended: "permanent" (always), "transient"
            (after a failure), or "temporary" (never).
        shutdown: seconds that it has to end when it is stopped, before it is killed; a `StopPlan`
            for an agent; `BRUTAL_KILL` or `INFINITY`. None for what suits its kind, as in OTP: 5 s
            for an actor, `INFINITY` for a supervisor; for an agent, its own stop steps.
        significant: whether its end counts for the supervisor's `auto_shutdown`.
        backoff: how long it waits before a restart.
        budget: how often it may be restarted; None for the supervisor's `child_budget`.
        resume: a regular expression with one group. What the group holds in the last match in an
            agent's output reaches the factory as `RestartContext.resume_token`.

    Raises:
        SpecError: names the field, the value, and what is allowed.
    """

    id: str
    start: Startable
    args: Sequence[object] = ()
    kwargs: Mapping[str, object] = {}
    restart: RestartType = "transient"
    shutdown: float | StopPlan | ShutdownRule | None = None
    significant: bool = False
    backoff: RestartBackoff = RestartBackoff()
    budget: Budget | None = None
    resume: str | None = None

    def __post_init__(self) -> None:
        check_name("child.id", self.id)
        at = f"child.{self.id}"
        kind = kind_of(self.start)
        if kind is None:
            raise SpecError(f"{at}.start", _named(self.start), _STARTABLE)
        set_field = msgspec.structs.force_setattr
        set_field(self, "args", _checked_args(at, self.args, self.start))
        set_field(self, "kwargs", _checked_kwargs(at, self.kwargs, self.start))
        check_word(f"{at}.restart", self.restart, RESTART_TYPES)
        set_field(self, "shutdown", _checked_shutdown(at, self.shutdown, kind))
        _check_significant(at, self.significant, self.restart)
        check_type(f"{at}.backoff", self.backoff, RestartBackoff)
        if self.budget is not None:
            check_type(f"{at}.budget", self.budget, Budget)
        if self.resume is not None:
            _check_resume(at, self.resume, kind)

    def __repr__(self) -> str:
        return f"<ChildSpec {self.id}: {self.restart} {kind_of(self.start)}>"


def kind_of(start: object) -> ChildKind | None:
    """What kind of child this starts; None if it starts none.

    A class that is no actor is none: as a factory it could only return its own instances.
    """
    if isinstance(start, SupervisorSpec):
        return "supervisor"
    if isinstance(start, AgentSpec):
        return "agent"
    made = _unwrapped(start)
    if isinstance(made, type):
        return "actor" if issubclass(made, Actor | pykka.ThreadingActor) else None
    return "factory" if callable(made) and not iscoroutinefunction(made) else None


def what_to_start(spec: ChildSpec, context: RestartContext) -> Resolved:
    """What to start as this child; asks its factory if it has one.

    Raises:
        SpecError: the factory returned nothing that can be started.
        Exception: what the factory raised.
    """
    if kind_of(spec.start) != "factory":
        return _resolved(spec.start, spec.args, spec.kwargs)
    made: object = cast("Callable[[RestartContext], object]", spec.start)(context)
    if kind_of(made) in ("factory", None):
        raise SpecError(f"child.{spec.id}.start", _named(made), f"a function that returns {_READY}")
    return _resolved(made)


def _resolved(
    start: object, args: Sequence[object] = (), kwargs: Mapping[str, object] | None = None
) -> Resolved:
    if isinstance(start, AgentSpec | SupervisorSpec):
        return start
    actor_class = cast("type[pykka.Actor]", _unwrapped(start))
    if isinstance(start, partial):
        bound = cast("partial[object]", start)
        args, kwargs = bound.args, bound.keywords
    return actor_class, tuple(args), dict(kwargs or {})


def _unwrapped(start: object) -> object:
    return cast("partial[object]", start).func if isinstance(start, partial) else start


def _named(value: object) -> object:
    """What stands for `value` in an error: a class or None may be shown, all else is its type."""
    return value if value is None or isinstance(value, type) else unshown(value)


def _checked_args(at: str, value: object, start: object) -> tuple[object, ...]:
    args = is_list(value)
    if args is None:
        raise SpecError(f"{at}.args", unshown(value), "a list or a tuple")
    _check_wanted(f"{at}.args", args, start)
    return tuple(args)


def _checked_kwargs(at: str, value: object, start: object) -> dict[str, object]:
    kwargs = is_table(value)
    if kwargs is None:
        raise SpecError(f"{at}.kwargs", unshown(value), "a dictionary with strings as its keys")
    _check_wanted(f"{at}.kwargs", kwargs, start)
    return kwargs


def _check_wanted(
    key: str, arguments: Sequence[object] | Mapping[str, object], start: object
) -> None:
    if arguments and not isinstance(start, type):
        allowed = "left out unless start is the class of an actor"
        raise SpecError(key, unshown(arguments), allowed)


def _checked_shutdown(
    at: str, value: object, kind: ChildKind
) -> float | StopPlan | ShutdownRule | None:
    key = f"{at}.shutdown"
    if isinstance(value, StopPlan):
        if kind not in ("agent", "factory"):
            raise SpecError(key, value, f"no StopPlan: signals are for agents, not for {kind}s")
        return value
    if value is None or isinstance(value, ShutdownRule):
        return value
    if isinstance(value, int | float):
        return check_seconds(key, value, what=_SHUTDOWN)
    raise SpecError(key, unless_container(value), _SHUTDOWN)


def _check_significant(at: str, value: object, restart: RestartType) -> None:
    if check_bool(f"{at}.significant", value) and restart == "permanent":
        allowed = "false, since a permanent child never ends for good"
        raise SpecError(f"{at}.significant", value, allowed)


def _check_resume(at: str, value: object, kind: ChildKind) -> None:
    key = f"{at}.resume"
    if kind not in ("agent", "factory"):
        raise SpecError(
            key, unless_container(value), f"left out: {kind}s print nothing to resume from"
        )
    pattern = check_string(key, value, "a regular expression")
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError, Warning) as error:  # of programs that want it
        raise SpecError(key, pattern, f"a regular expression: {error}") from None
    if groups != 1:
        raise SpecError(key, pattern, f"a regular expression with one group, not {groups}")
