"""`assert_terminated`: it waits for the cleanup, and says in one line what is wrong."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from actorch.actors import Actor, Crashed, Dispatcher, Killed, Normal, Shutdown, WouldBlockError
from actorch.actors.testing import assert_terminated


class Plain(Actor):
    def on_receive(self, message: Any) -> Any:
        return message() if callable(message) else message


class Slow(Plain):
    blocking = True

    def __init__(self, may_end: threading.Event) -> None:
        super().__init__()
        self.may_end = may_end

    def on_stop(self) -> None:
        self.may_end.wait(10)


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    with Dispatcher("tests") as dispatcher:
        yield dispatcher


def test_it_returns_why_the_actor_ended(dispatcher: Dispatcher) -> None:
    ref = dispatcher.spawn(Plain)
    ref.stop(block=False, reason=Shutdown())
    assert assert_terminated(ref) == Shutdown()
    assert assert_terminated(ref, Shutdown) == Shutdown()
    assert assert_terminated(ref, Shutdown()) == Shutdown()


def test_it_gives_what_was_raised(dispatcher: Dispatcher) -> None:
    ref = dispatcher.spawn(Plain)
    error = ValueError("crash")

    def crash() -> None:
        raise error

    ref.tell(crash)
    assert assert_terminated(ref, Crashed).exception is error


def test_it_waits_for_the_cleanup(dispatcher: Dispatcher) -> None:
    may_end = threading.Event()
    ref = dispatcher.spawn(Slow, may_end)
    assert ref.ask(1) == 1
    ref.stop(block=False)
    with pytest.raises(AssertionError, match=r"^Slow \(.+\) has not ended within 0 s: .+$"):
        assert_terminated(ref, timeout=0)
    waiting = threading.Thread(target=assert_terminated, args=(ref, Normal))
    waiting.start()
    may_end.set()
    waiting.join(10)
    assert not waiting.is_alive()
    assert not ref.is_alive()


def test_an_actor_that_goes_on_is_shown_with_its_state(dispatcher: Dispatcher) -> None:
    ref = dispatcher.spawn(Plain)
    assert ref.ask(1) == 1
    with pytest.raises(AssertionError, match=r"has not ended within 0\.01 s: running, 0 waiting$"):
        assert_terminated(ref, timeout=0.01)


@pytest.mark.parametrize("meant", [Crashed, Normal, Normal()])
def test_another_reason_is_shown_with_the_one_that_was_meant(
    dispatcher: Dispatcher, meant: Any
) -> None:
    ref = dispatcher.spawn(Plain)
    ref.kill()
    name = meant.__name__ if isinstance(meant, type) else r"Normal\(\)"
    with pytest.raises(AssertionError, match=rf"ended with Killed\(\), not with {name}$"):
        assert_terminated(ref, meant)


def test_what_was_raised_does_not_break_the_line(dispatcher: Dispatcher) -> None:
    ref = dispatcher.spawn(Plain)
    ref.kill(Crashed(ValueError("one\ntwo" * 1000)))
    with pytest.raises(AssertionError) as caught:
        assert_terminated(ref, Killed)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 500


def test_no_loop_waits_for_itself(dispatcher: Dispatcher) -> None:
    ref, other = dispatcher.spawn(Plain), dispatcher.spawn(Plain)
    with pytest.raises(WouldBlockError):
        ref.ask(lambda: assert_terminated(other))
