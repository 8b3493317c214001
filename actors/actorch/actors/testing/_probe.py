"""An actor that keeps what it is told, and the test's hold on it."""

from __future__ import annotations

import queue
from typing import Any, Final, Self, TypeVar, overload

import msgspec
import pykka

from .._actor import Actor
from .._dispatcher import Dispatcher
from .._here import refuse_to_wait
from .._ref import ActorRef
from .._shown import one_line

__all__ = ["Probe"]

_LONGEST: Final = 200

T = TypeVar("T")


class _Watch(msgspec.Struct, frozen=True):
    ref: ActorRef[Any]


class Ear(Actor):
    """What a probe has among the actors."""

    mailbox_capacity = 0

    def __init__(self, heard: queue.SimpleQueue[object]) -> None:
        super().__init__()
        self._heard = heard

    def on_receive(self, message: object) -> None:
        """Keep it."""
        if isinstance(message, _Watch):
            self.watch(message.ref)
        else:
            self._heard.put(message)


class Probe:
    """Stands for an actor that others speak to, so that a test hears what they say.

    As in::

        probe = Probe.start_on(dispatcher)
        worker.tell(Work(reply_to=probe.ref))
        assert probe.expect(Done).result == 42
        probe.expect_nothing()

    Args:
        dispatcher: what runs it, and what it hears from.

    Attributes:
        ref: what others hold of it. Who asks it is answered None.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._heard = queue.SimpleQueue[object]()
        self.ref: ActorRef[Any] = dispatcher.spawn(Ear, self._heard)

    @classmethod
    def start_on(cls, dispatcher: Dispatcher) -> Self:
        """Start one; it ends with the dispatcher."""
        return cls(dispatcher)

    @overload
    def expect(self, what: type[T], timeout: float = 10.0) -> T: ...

    @overload
    def expect(self, what: T, timeout: float = 10.0) -> T: ...

    def expect(self, what: object, timeout: float = 10.0) -> object:
        """Take the next message, which must be that.

        Args:
            what: a type, or what the message is equal to.
            timeout: real seconds to wait for it at most.

        Returns:
            the message.

        Raises:
            AssertionError: another message came, or none in time.
            WouldBlockError: called on a dispatcher's own thread.
        """
        refuse_to_wait("expect")
        wanted = what.__name__ if isinstance(what, type) else _shown(what)
        try:
            message = self._heard.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"{wanted} did not come within {timeout:g} s") from None
        if not (isinstance(message, what) if isinstance(what, type) else message == what):
            raise AssertionError(f"{_shown(message)} came, not {wanted}")
        return message

    def expect_nothing(self, patience: float = 10.0) -> None:
        """See to it that no message is there once all actors of the dispatcher are at rest.

        What comes of timers that are not due is not waited for.

        Args:
            patience: real seconds to wait at most for them to come to rest.

        Raises:
            AssertionError: there is one.
            pykka.Timeout: they did not come to rest.
            WouldBlockError: called on a dispatcher's own thread.
        """
        turns = -1
        while turns != (turns := self._dispatcher.turns):
            if not self._dispatcher.settle(patience):
                raise pykka.Timeout(f"the actors have not come to rest: {self._dispatcher}")
        if not self._heard.empty():
            raise AssertionError(f"{_shown(self._heard.get())} came, and nothing was to come")

    def watch(self, ref: ActorRef[Any]) -> None:
        """Be told when an actor has ended: ``probe.expect(Terminated)``.

        Raises:
            WouldBlockError: called on a dispatcher's own thread.
        """
        self.ref.ask(_Watch(ref))

    def __repr__(self) -> str:
        return f"<Probe: {self._heard.qsize()} messages, {self.ref.cell.state}>"


def _shown(value: object) -> str:
    return one_line(repr(value), _LONGEST)
