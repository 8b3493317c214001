"""`Probe`: it hears what others say, in order, and a test that is wrong says so in one line."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from actorch.actors import Actor, ActorRef, Dispatcher, Killed, Terminated, WouldBlockError
from actorch.actors.testing import ManualClock, Probe


class Teller(Actor):
    """Tells what it is given, now or later, by itself or by way of another."""

    def __init__(self, to: ActorRef[Any]) -> None:
        super().__init__()
        self.to = to

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.to.tell(message)
        return None


class Blocking(Teller):
    blocking = True


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def dispatcher(clock: ManualClock) -> Iterator[Dispatcher]:
    with Dispatcher("tests", clock=clock) as dispatcher:
        yield dispatcher


@pytest.fixture
def probe(dispatcher: Dispatcher) -> Probe:
    return Probe.start_on(dispatcher)


def test_messages_are_expected_in_their_order_by_type_or_value(probe: Probe) -> None:
    for message in (1, "two", None, 4.0):
        probe.ref.tell(message)
    assert probe.expect(int) == 1
    assert probe.expect("two") == "two"
    assert probe.expect(None) is None
    assert probe.expect(float) == 4.0
    probe.expect_nothing()


def test_a_message_that_is_yet_to_come_is_waited_for(probe: Probe) -> None:
    thread = threading.Thread(target=lambda: probe.ref.tell("late"))
    thread.start()
    assert probe.expect(str) == "late"
    thread.join()


def test_what_comes_later_is_expected_once_its_time_has_come(
    clock: ManualClock, dispatcher: Dispatcher, probe: Probe
) -> None:
    teller = dispatcher.spawn(Teller, probe.ref)
    teller.ask(lambda actor: actor.call_later(60, "tick"))
    clock.advance(59)
    probe.expect_nothing()
    clock.advance(1)
    assert probe.expect("tick", timeout=0) == "tick"


def test_another_message_than_the_expected_one_is_shown(probe: Probe) -> None:
    probe.ref.tell("one\ntwo")
    with pytest.raises(AssertionError, match=r"^'one\\ntwo' came, not int$"):
        probe.expect(int)
    probe.ref.tell(3)
    with pytest.raises(AssertionError, match=r"^3 came, not 4$"):
        probe.expect(4)
    with pytest.raises(AssertionError, match=r"^'five' did not come within 0 s$"):
        probe.expect("five", timeout=0)


@pytest.mark.parametrize("kind", [Teller, Blocking])
def test_nothing_is_told_only_once_nobody_has_anything_to_say(
    dispatcher: Dispatcher, probe: Probe, kind: type[Teller]
) -> None:
    ref: Any = probe.ref
    for _ in range(50):
        ref = dispatcher.spawn(kind if ref is probe.ref else Teller, ref)
    probe.expect_nothing()
    ref.tell("passed on")
    with pytest.raises(AssertionError, match=r"^'passed on' came, and nothing was to come$"):
        probe.expect_nothing()


def test_a_probe_hears_of_the_end_of_whom_it_watches(dispatcher: Dispatcher, probe: Probe) -> None:
    refs = [dispatcher.spawn(Teller, probe.ref) for _ in range(2)]
    probe.watch(refs[0])
    refs[0].kill()
    assert probe.expect(Terminated) == Terminated(refs[0], Killed())
    refs[1].kill()
    refs[1].actor_stopped.wait(10)
    probe.watch(refs[1])
    assert probe.expect(Terminated).ref is refs[1]


def test_a_probe_says_what_it_holds(probe: Probe) -> None:
    probe.ref.tell(1)
    probe.ref.ask("asked")
    assert repr(probe) == "<Probe: 2 messages, running, 0 waiting>"


def test_no_actor_waits_for_a_probe_on_its_own_thread(dispatcher: Dispatcher) -> None:
    for wait in (lambda probe: probe.expect(int), lambda probe: probe.expect_nothing()):
        probe = Probe.start_on(dispatcher)
        teller = dispatcher.spawn(Teller, probe.ref)
        with pytest.raises(WouldBlockError):
            teller.ask(lambda _actor, wait=wait, probe=probe: wait(probe))
