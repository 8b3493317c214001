"""Handlers that are `async def`: one message at a time, and cancelled by a kill."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from actorch.actors import (
    Actor,
    ActorRef,
    Crashed,
    Dispatcher,
    Future,
    Killed,
    Normal,
    StartFailed,
    WouldBlockError,
)
from actorch.actors.testing import ManualClock

LONG = 20.0


class Gate(Actor):
    """Waits in its handlers until it is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Any] = []
        self.entered = threading.Event()
        self.gate: asyncio.Event | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    async def on_receive(self, message: Any) -> Any:
        self.log.append(("begin", message))
        if message == "wait":
            self.loop = asyncio.get_running_loop()
            self.gate = asyncio.Event()
            self.entered.set()
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.log.append(("cancelled", message))
                raise
        if message == "crash":
            await asyncio.sleep(0)
            raise ValueError("crash")
        await asyncio.sleep(0)
        self.log.append(("end", message))
        return message

    def open(self) -> None:
        assert self.loop is not None
        assert self.gate is not None
        self.loop.call_soon_threadsafe(self.gate.set)


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    with Dispatcher("tests") as dispatcher:
        yield dispatcher


def actor_of(ref: ActorRef[Any]) -> Any:
    return ref._actor_weakref()


def test_an_answer_is_what_the_coroutine_returns(dispatcher: Dispatcher) -> None:
    assert dispatcher.spawn(Gate).ask(3) == 3


def test_one_message_at_a_time_holds_also_while_a_handler_awaits(dispatcher: Dispatcher) -> None:
    ref = dispatcher.spawn(Gate)
    gate = actor_of(ref)
    ref.tell("wait")
    last = ref.ask("next", block=False)
    assert gate.entered.wait(LONG)
    assert gate.log == [("begin", "wait")]
    gate.open()
    assert last.get(timeout=LONG) == "next"
    assert gate.log == [("begin", "wait"), ("end", "wait"), ("begin", "next"), ("end", "next")]


def test_other_actors_of_the_dispatcher_go_on_meanwhile(dispatcher: Dispatcher) -> None:
    waiting, other = dispatcher.spawn(Gate), dispatcher.spawn(Gate)
    gate = actor_of(waiting)
    waiting.tell("wait")
    assert gate.entered.wait(LONG)
    assert other.ask("now", timeout=LONG) == "now"
    gate.open()


def test_a_kill_cancels_what_the_handler_awaits(dispatcher: Dispatcher) -> None:
    ref = dispatcher.spawn(Gate)
    gate = actor_of(ref)
    answer = ref.ask("wait", block=False)
    assert gate.entered.wait(LONG)
    ref.kill()
    assert ref.actor_stopped.wait(LONG)
    assert ref.cell.reason == Killed()
    assert gate.log == [("begin", "wait"), ("cancelled", "wait")]
    with pytest.raises(pykka.ActorDeadError):  # no CancelledError: nobody cancelled who asked
        answer.get(timeout=LONG)


def test_what_a_coroutine_raises_ends_the_actor_told_or_asked(dispatcher: Dispatcher) -> None:
    asked, told = dispatcher.spawn(Gate), dispatcher.spawn(Gate)
    with pytest.raises(ValueError, match="crash"):
        asked.ask("crash")
    told.tell("crash")
    for ref in (asked, told):
        assert ref.actor_stopped.wait(LONG)
        assert isinstance(ref.cell.reason, Crashed)


class Hooks(Actor):
    """All of its hooks are coroutines."""

    def __init__(self, log: list[str], fails: str = "") -> None:
        super().__init__()
        self.log = log
        self.fails = fails

    async def note(self, name: str) -> None:
        await asyncio.sleep(0)
        self.log.append(name)
        if self.fails == name:
            raise ValueError(name)

    async def on_start(self) -> None:  # type: ignore[override]
        await self.note("start")

    async def on_receive(self, message: Any) -> None:
        await self.note(message)

    async def on_stop(self) -> None:  # type: ignore[override]
        await self.note("stop")

    async def on_failure(self, *_error: object) -> None:  # type: ignore[override]
        await self.note("failure")


@pytest.mark.parametrize(
    ("fails", "log", "reason"),
    [
        ("", ["start", "message", "stop"], Normal),
        ("start", ["start", "failure"], StartFailed),
        ("message", ["start", "message", "failure"], Crashed),
        ("stop", ["start", "message", "stop"], Crashed),
    ],
)
def test_hooks_may_be_coroutines_and_the_end_waits_for_them(
    dispatcher: Dispatcher, fails: str, log: list[str], reason: type
) -> None:
    heard: list[str] = []
    ref = dispatcher.spawn(Hooks, heard, fails)
    ref.tell("message")
    ref.stop(block=False)
    assert ref.actor_stopped.wait(LONG)
    assert heard == log
    assert type(ref.cell.reason) is reason


class Asks(Actor):
    async def on_receive(self, message: Any) -> Any:
        other, how = message
        return await other.ask("hi") if how == "await" else other.ask("hi", block=True)


def test_a_coroutine_awaits_another_actor_and_may_not_wait_for_it_otherwise(
    dispatcher: Dispatcher,
) -> None:
    ref, other = dispatcher.spawn(Asks), dispatcher.spawn(Gate)
    assert ref.ask((other, "await")) == "hi"
    with pytest.raises(WouldBlockError):
        ref.ask((other, "block"))


def test_in_asyncio_an_ask_is_awaited_and_the_loop_goes_on(dispatcher: Dispatcher) -> None:
    ref = dispatcher.spawn(Gate)
    gate = actor_of(ref)

    async def main() -> tuple[Any, int]:
        beats = 0
        answer = ref.ask("wait")
        assert isinstance(answer, Future)
        while not gate.entered.is_set() or beats < 100:
            beats += 1
            await asyncio.sleep(0)
        gate.open()
        return await answer, beats

    answer, beats = asyncio.run(main())
    assert answer == "wait"
    assert beats >= 100


class OnFuture(Actor):
    def __init__(self, up: Future[None], down: Future[None]) -> None:
        super().__init__()
        self.up, self.down = up, down

    def on_start(self) -> Future[None]:  # type: ignore[override]
        return self.up

    def on_receive(self, message: Any) -> Any:
        return message

    def on_stop(self) -> Future[None]:  # type: ignore[override]
        return self.down


def test_an_actor_has_ended_once_the_future_of_its_on_stop_is_done(dispatcher: Dispatcher) -> None:
    up, down = Future[None](), Future[None]()
    ref = dispatcher.spawn(OnFuture, up, down)
    assert ref.ask(1) == 1  # it handles messages before it counts as started
    stopped = ref.stop(block=False)
    closed = threading.Event()
    while not closed.is_set():
        try:
            ref.tell("late")
        except pykka.ActorDeadError:
            closed.set()
    assert ref.is_alive()
    assert not stopped.done()
    ref.kill()  # hurries nothing: it is ending
    down.set(None)
    assert stopped.get(timeout=LONG) is True
    assert ref.cell.reason == Normal()


def test_a_future_of_on_start_that_fails_ends_the_actor(dispatcher: Dispatcher) -> None:
    up, down = Future[None](), Future[None]()
    ref = dispatcher.spawn(OnFuture, up, down)
    down.set(None)
    up.set_exception((ValueError, ValueError("no"), None))
    assert ref.actor_stopped.wait(LONG)
    assert isinstance(ref.cell.reason, StartFailed)


class WindsUp(Actor):
    """Finishes its work before it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if message == "done":
            self.leave(self.asked[0])
        return message

    def on_stop_request(self, reason: Any) -> bool:
        self.asked.append(reason)
        return True


def test_an_actor_may_go_on_after_a_stop_request_and_leave_when_it_is_done() -> None:
    clock = ManualClock()
    with Dispatcher("tests", clock=clock) as dispatcher:
        ref = dispatcher.spawn(WindsUp)
        stopped = ref.stop(block=False)
        assert ref.ask("still there") == "still there"
        assert not stopped.done()
        ref.tell("done")
        assert stopped.get(timeout=LONG) is True
        killed = dispatcher.spawn(WindsUp)
        killed.stop(block=False)
        killed.kill()
        assert killed.actor_stopped.wait(LONG)
        assert killed.cell.reason == Killed()


def test_a_dispatcher_without_such_handlers_has_no_event_loop_and_a_closed_one_leaves_none() -> (
    None
):
    before = set(threading.enumerate())
    with Dispatcher("tests") as dispatcher:
        dispatcher.spawn(WindsUp).ask(1)
        names = {thread.name for thread in set(threading.enumerate()) - before}
        assert names == {"tests-loop"}
        ref = dispatcher.spawn(Gate)
        gate = actor_of(ref)
        ref.tell("wait")
        assert gate.entered.wait(LONG)
        dispatcher.close(timeout=0.01)
    assert not [one for one in set(threading.enumerate()) - before if one.is_alive()]
    assert ref.cell.reason is not None
