"""What a supervisor is told: by its children, by its timers, and by those who hold its ref."""

from __future__ import annotations

from typing import Any

import msgspec
import pykka

from actorch.actors import ExitReason, Future
from actorch.actors._checks import check_string, check_type
from actorch.actors._life import Life
from actorch.actors._mailbox import Awaited, Notice

from ._child import ChildSpec

__all__ = [
    "BreakerOver",
    "CountChildren",
    "DeleteChild",
    "Due",
    "Ended",
    "Impatient",
    "Order",
    "Ready",
    "RestartChild",
    "StartChild",
    "Started",
    "TerminateChild",
    "WhichChildren",
]


class Started(msgspec.Struct, Notice, frozen=True):
    """An incarnation of a child has started."""

    child: str
    life: Life
    number: int


class Ended(msgspec.Struct, Notice, frozen=True):
    """An incarnation of a child has ended, and its cleanup has run."""

    child: str
    life: Life
    number: int
    reason: ExitReason


class Due(msgspec.Struct, frozen=True):
    """The backoff of a child is over."""

    child: str
    life: Life
    number: int


class Ready(msgspec.Struct, frozen=True):
    """An incarnation has been up for as long as it takes to count as ready."""

    child: str
    life: Life
    number: int


class Impatient(msgspec.Struct, frozen=True):
    """An incarnation that was asked to end, or even killed, has not ended in time."""

    child: str
    life: Life
    number: int
    killed: bool


class BreakerOver(msgspec.Struct, frozen=True):
    """The pause of all restarts is over."""


class Order(Awaited):
    """What somebody wants done, and waits for.

    Attributes:
        future: of what comes of it.
    """

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future = Future[Any]()

    def refuse(self, name: str) -> None:
        """The supervisor ended first."""
        self.fail(pykka.ActorDeadError(f"{name} stopped before handling the message"))

    def fail(self, error: BaseException) -> None:
        """Say that it cannot be done."""
        self.future.set_exception((type(error), error, None))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.future!r}>"


class StartChild(Order):
    """Take in a child, and start it."""

    __slots__ = ("spec",)

    def __init__(self, spec: ChildSpec) -> None:
        super().__init__()
        check_type("child", spec, ChildSpec)
        self.spec = spec


class _OfChild(Order):
    __slots__ = ("child",)

    def __init__(self, child: str) -> None:
        super().__init__()
        self.child = check_string("child", child, "the id of a child, a string")


class TerminateChild(_OfChild):
    """Stop a child for good, and keep its spec."""

    __slots__ = ()


class RestartChild(_OfChild):
    """Start a child that has ended for good."""

    __slots__ = ()


class DeleteChild(_OfChild):
    """Forget a child that has ended for good."""

    __slots__ = ()


class WhichChildren(Order):
    """Describe the children."""

    __slots__ = ()


class CountChildren(Order):
    """Count the children."""

    __slots__ = ()
