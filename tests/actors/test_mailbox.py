"""The mailbox: bounded, closable, system lane first."""

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest
from pykka._envelope import Envelope

from actorch.actors._actor import Actor
from actorch.actors._dispatcher import Dispatcher
from actorch.actors._errors import MailboxFullError
from actorch.actors._future import Future
from actorch.actors._mailbox import Mailbox

LONG = 20.0


class Held(Actor):
    """Holds still at the first message until it is let go."""

    mailbox_capacity = 3

    def __init__(self) -> None:
        super().__init__()
        self.holding, self.go = threading.Event(), threading.Event()
        self.seen: list[object] = []

    def on_receive(self, message: object) -> object:
        if message == "hold":
            self.holding.set()
            self.go.wait(LONG)
        else:
            self.seen.append(message)
        return message


class BlockingHeld(Held):
    blocking = True


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    with Dispatcher("tests") as dispatcher:
        yield dispatcher


@pytest.fixture(params=[Held, BlockingHeld], ids=["shared thread", "own thread"])
def held(request: pytest.FixtureRequest, dispatcher: Dispatcher) -> Iterator[Any]:
    ref = dispatcher.spawn(request.param)
    actor = ref._actor_weakref()
    ref.tell("hold")
    assert actor.holding.wait(LONG)
    yield ref
    actor.go.set()


def let_go(ref: Any) -> Any:
    actor = ref._actor_weakref()
    actor.go.set()
    return actor


def test_a_full_mailbox_refuses_one_more_at_the_sender(held: Any) -> None:
    for number in range(3):
        held.tell(number)
    with pytest.raises(MailboxFullError, match="3 messages waiting"):
        held.tell("one too many")
    with pytest.raises(MailboxFullError):
        held.ask("one too many")
    future = held.ask("one too many", block=False)
    with pytest.raises(MailboxFullError):
        future.get(timeout=LONG)
    actor = let_go(held)
    held.stop(timeout=LONG)
    assert actor.seen == [0, 1, 2]


def test_there_is_room_again_once_messages_were_handled(held: Any) -> None:
    for number in range(3):
        held.tell(number)
    let_go(held)
    assert held.ask("next", block=False)
    assert held.stop(timeout=LONG)


def test_the_system_lane_and_a_stop_are_never_refused(held: Any) -> None:
    for number in range(3):
        held.tell(number)
    held.notify("urgent")
    stopped = held.stop(block=False)
    held._actor_weakref().stop()
    actor = let_go(held)
    assert stopped.get(timeout=LONG) is True
    assert actor.seen == ["urgent", 0, 1, 2]


def test_the_system_lane_comes_first_and_keeps_its_own_order(held: Any) -> None:
    held.tell("user")
    for number in range(3):
        held.notify(number)
    actor = let_go(held)
    held.stop(timeout=LONG)
    assert actor.seen == [0, 1, 2, "user"]


def test_a_notice_to_the_dead_raises(dispatcher: Dispatcher) -> None:
    ref = dispatcher.spawn(Held)
    ref.stop(timeout=LONG)
    with pytest.raises(pykka.ActorDeadError):
        ref.notify("anybody?")


def test_a_capacity_of_0_is_no_limit(dispatcher: Dispatcher) -> None:
    class Endless(Held):
        mailbox_capacity = 0

    ref = dispatcher.spawn(Endless)
    ref.tell("hold")
    for number in range(1000):
        ref.tell(number)
    actor = let_go(ref)
    ref.stop(timeout=LONG)
    assert len(actor.seen) == 1000


def test_mailboxes_are_bounded_by_default() -> None:
    assert 0 < Actor.mailbox_capacity <= 1_000_000


def test_the_inbox_of_pykka_takes_and_gives_envelopes() -> None:
    mailbox = Mailbox(capacity=2)
    future = Future[int]()
    assert mailbox.empty()
    mailbox.put(Envelope("told"))
    mailbox.put(Envelope("asked", reply_to=future))
    with pytest.raises(MailboxFullError):
        mailbox.put(Envelope("third"))
    mailbox.offer_urgent("urgent")
    assert len(mailbox) == 3
    assert not mailbox.empty()
    taken = [mailbox.get() for _ in range(3)]
    assert [envelope.message for envelope in taken] == ["urgent", "told", "asked"]
    assert [envelope.reply_to for envelope in taken] == [None, None, future]
    with pytest.raises(queue.Empty):
        mailbox.get()


def test_a_closed_mailbox_answers_what_was_put_in_too_late() -> None:
    mailbox = Mailbox(capacity=10)
    early = Future[int]()
    mailbox.put(Envelope("early", reply_to=early))
    mailbox.closed = True
    mailbox.settle()
    with pytest.raises(pykka.ActorDeadError):
        early.get(timeout=0)
    with pytest.raises(pykka.ActorDeadError):
        mailbox.put(Envelope("late"))
    assert mailbox.offer("late") is False
    assert mailbox.offer_urgent("late") is False
    assert mailbox.empty()


def test_a_sender_overtaken_by_the_end_empties_the_mailbox_itself() -> None:
    mailbox = Mailbox(capacity=10)
    future = Future[int]()

    class Overtaken:
        """A capacity that is compared between the sender's look at `closed` and its append."""

        def __gt__(self, _number: int) -> bool:
            mailbox.closed = True
            mailbox.settle()
            return False

        def __ge__(self, _number: int) -> bool:
            return self > _number

        def __le__(self, _number: int) -> bool:
            return self > _number

    mailbox.capacity = Overtaken()  # type: ignore[assignment]
    mailbox.put(Envelope("overtaken", reply_to=future))
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=0)
    assert mailbox.empty()


def test_the_name_of_a_mailbox_shows_whose_it_is_and_how_it_stands(dispatcher: Dispatcher) -> None:
    ref = dispatcher.spawn(Held)
    ref.ask("x")
    assert repr(ref.actor_inbox) == f"<Mailbox of {ref}: open, 0 waiting>"
    ref.stop(timeout=LONG)
    assert repr(ref.actor_inbox) == f"<Mailbox of {ref}: closed, 0 waiting>"
