"""Whoever waits for an end, or for an answer, hears of it, though a handler never returns."""

import asyncio
import sys
import threading
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pykka
import pytest

from actorch.actors import Actor, Crashed, Dispatcher, ExitReason, Future, Killed, Normal
from actorch.actors._ended import Ended
from actorch.actors._life import Life
from actorch.actors._mailbox import Mailbox
from actorch.actors.testing import ManualClock

LONG = 20.0


class Worker(Actor):
    """Does what it is told to."""

    def on_receive(self, message: Any) -> Any:
        return message(self)


class BlockingWorker(Worker):
    blocking = True


class StaysInACoroutine(Worker):
    """Ends when the test says so, whoever else says it."""

    def __init__(self, begun: Future[Callable[[], object]]) -> None:
        super().__init__()
        self.begun = begun

    async def on_stop(self) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        self.begun.set(lambda: loop.call_soon_threadsafe(over.set))
        while not over.is_set():
            with suppress(asyncio.CancelledError):
                await over.wait()


class WaitsFor(Worker):
    """Has ended once somebody else has."""

    def __init__(self, end: Future[bool]) -> None:
        super().__init__()
        self.end = end

    def on_stop(self) -> Future[bool]:
        return self.end


class Nobody:
    """A guardian that starts nothing again."""

    def incarnation_started(self, _life: Life, _number: int) -> None:
        return

    def incarnation_ended(self, _life: Life, _number: int, _reason: ExitReason) -> bool:
        return True


def test_who_asked_an_actor_that_is_given_up_is_told_and_its_late_answer_is_nobodys() -> None:
    ready, go, ended = threading.Event(), threading.Event(), threading.Event()

    def stuck(_worker: Worker) -> str:
        ready.set()
        go.wait(LONG)
        return "late"

    with Dispatcher(clock=ManualClock()) as dispatcher:
        life = Life(dispatcher, Nobody(), stash=9)
        life.begin(BlockingWorker, (), {})
        cell = life._cell
        assert cell is not None
        answer = life.ref.ask(stuck, block=False)
        assert ready.wait(LONG)
        life.kill(Killed())
        life.give_up()
        with pytest.raises(pykka.ActorDeadError):
            answer.get(timeout=LONG)
        cell.when_ended("test", lambda _reason: ended.set())
        go.set()
        assert ended.wait(LONG)
        assert cell.reason == Killed()
        life.end(Killed())


def test_after_close_an_actor_has_ended_though_its_coroutine_swallows_its_cancellation() -> None:
    dispatcher, begun = Dispatcher(), Future[Callable[[], object]]()
    stays = dispatcher.spawn(StaysInACoroutine, begun)
    end = stays.stop(block=False)
    finish = begun.get(timeout=LONG)
    waits = dispatcher.spawn(WaitsFor, end)
    waits.stop(block=False)
    dispatcher.close(timeout=0)
    assert end.get(timeout=LONG)
    assert not stays.is_alive()
    assert not waits.is_alive()
    assert dispatcher.actors() == []
    finish()


def test_another_thread_that_is_importing_asyncio_makes_no_ask_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "asyncio", types.ModuleType("asyncio"))
    with Dispatcher() as dispatcher:
        assert dispatcher.spawn(Worker).ask(lambda _worker: 1, timeout=LONG) == 1


def test_a_late_kill_of_an_incarnation_does_not_concern_the_next() -> None:
    with Dispatcher(clock=ManualClock()) as dispatcher:
        life = Life(dispatcher, Nobody(), stash=0)
        life.begin(Worker, (), {})
        first = life._cell
        assert first is not None
        life.kill(Killed())
        Ended(first).wait(LONG)
        life.begin(Worker, (), {})
        first.kill(Killed())
        assert life.ref.ask(lambda _worker: 1, timeout=LONG) == 1
        life.end(Killed())


class ChangesHands(Mailbox):
    """Just when a sender looks whose it is, another owner comes, sees everything, and rests."""

    @property
    def owner(self) -> Any:
        self.scheduled = False
        return self.before

    @owner.setter
    def owner(self, owner: Any) -> None:
        self.before = owner


def test_a_sender_that_tells_an_owner_which_has_ended_leaves_the_mailbox_to_be_scheduled() -> None:
    class Ended:
        def enqueue(self) -> None:
            return

    mailbox = ChangesHands(0)
    mailbox.owner = Ended()
    mailbox.scheduled = False
    mailbox.admit("message")
    assert not mailbox.scheduled


def test_an_actor_whose_on_stop_finds_no_event_loop_ends() -> None:
    def no_loop(coroutine: Any) -> Any:
        coroutine.close()
        raise OSError(24, "too many open files")

    class Polite(Worker):
        async def on_stop(self) -> None:
            return

    with Dispatcher() as dispatcher:
        dispatcher.coroutines.run = no_loop  # type: ignore[method-assign]
        polite = dispatcher.spawn(Polite)
        assert polite.stop(timeout=LONG)
        assert isinstance(polite.cell.reason, Crashed)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_what_would_end_a_program_ends_only_the_actor_whose_coroutine_raises_it(
    error: BaseException,
) -> None:
    class Awaits(Worker):
        async def on_receive(self, message: Any) -> Any:
            await asyncio.Event().wait() if message == "wait" else None
            if message == "raise":
                raise error
            return message

    with Dispatcher() as dispatcher:
        waits, raises, answers = (dispatcher.spawn(Awaits) for _ in range(3))
        waiting = waits.ask("wait", block=False)
        with pytest.raises(type(error)):
            raises.ask("raise", timeout=LONG)
        assert answers.ask("hello", timeout=LONG) == "hello"
        assert not waiting.done()
        waits.kill()


def test_a_coroutine_that_raises_after_its_actor_has_decided_to_leave_has_crashed() -> None:
    class Confused(Worker):
        async def on_receive(self, message: Any) -> Any:
            self.leave(Normal())
            raise ValueError(message)

    with Dispatcher() as dispatcher:
        confused = dispatcher.spawn(Confused)
        with pytest.raises(ValueError, match="hello"):
            confused.ask("hello", timeout=LONG)
        assert isinstance(confused.cell.reason, Crashed)
