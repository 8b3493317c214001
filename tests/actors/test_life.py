"""What stays of an actor over its incarnations: the ref, the mailbox, those who watch."""

import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from actorch.actors import (
    Actor,
    ActorRef,
    DeadLetter,
    Dispatcher,
    ExitReason,
    Killed,
    MailboxFullError,
    Normal,
    Shutdown,
    StartFailed,
    Terminated,
)
from actorch.actors._hosted import hosted
from actorch.actors._life import Life
from actorch.actors.testing import ManualClock

LONG = 20.0


class Worker(Actor):
    """Notes which incarnation handled what."""

    def __init__(self, log: list[Any]) -> None:
        super().__init__()
        self.log = log
        self.number = self.actor_ref.incarnation

    def on_start(self) -> None:
        self.log.append((self.number, "start"))

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        if message == "crash":
            raise ValueError(message)
        self.log.append((self.number, message))
        return (self.number, message)

    def on_stop(self) -> None:
        self.log.append((self.number, "stop"))

    def on_failure(self, *_error: object) -> None:
        self.log.append((self.number, "failure"))


class BlockingWorker(Worker):
    blocking = True


class Starts:
    """A guardian that notes what it hears, and starts again when the test says so."""

    def __init__(self, lasts: bool = True) -> None:
        self.started: list[int] = []
        self.ended: list[tuple[int, ExitReason]] = []
        self.lasts = lasts
        self.bell = threading.Semaphore(0)

    def incarnation_started(self, _life: Life, number: int) -> None:
        self.started.append(number)
        self.bell.release()

    def incarnation_ended(self, _life: Life, number: int, reason: ExitReason) -> bool:
        self.ended.append((number, reason))
        self.bell.release()
        return self.lasts

    def hear(self) -> None:
        assert self.bell.acquire(timeout=LONG)


@pytest.fixture
def letters() -> list[DeadLetter]:
    return []


@pytest.fixture
def dispatcher(letters: list[DeadLetter]) -> Iterator[Dispatcher]:
    with Dispatcher("tests", clock=ManualClock(), on_dead_letter=letters.append) as dispatcher:
        yield dispatcher


@pytest.fixture(params=[Worker, BlockingWorker], ids=["shared thread", "own thread"])
def worker(request: pytest.FixtureRequest) -> type[Worker]:
    return request.param


def begun(
    dispatcher: Dispatcher, worker: type[Worker], *, stash: int
) -> tuple[Life, Starts, list[Any]]:
    """A life whose first incarnation has started, its guardian, and its log."""
    guardian = Starts()
    log: list[Any] = []
    life = Life(dispatcher, guardian, stash=stash)
    life.begin(worker, (log,), {})
    guardian.hear()
    return life, guardian, log


def test_messages_are_kept_from_before_the_start_to_the_next_incarnation_in_order(
    dispatcher: Dispatcher, worker: type[Worker]
) -> None:
    guardian, log = Starts(), []
    life = Life(dispatcher, guardian, stash=100)
    life.ref.tell("before")
    life.begin(worker, (log,), {})
    guardian.hear()
    for message in ("one", "crash", "two"):
        life.ref.tell(message)
    guardian.hear()
    assert life.ref.incarnation == 1
    life.ref.tell("three")
    answer = life.ref.ask("four", block=False)
    life.begin(worker, (log,), {})
    assert answer.get(timeout=LONG) == (2, "four")
    assert life.ref.incarnation == 2
    assert log == [
        (1, "start"), (1, "before"), (1, "one"), (1, "failure"),
        (2, "start"), (2, "two"), (2, "three"), (2, "four"),
    ]  # fmt: skip
    life.end(Shutdown())
    assert life.ref.actor_stopped.wait(LONG)


def test_what_is_too_much_for_the_stash_is_a_dead_letter_and_who_asks_hears_of_it(
    dispatcher: Dispatcher, letters: list[DeadLetter]
) -> None:
    life = Life(dispatcher, Starts(), stash=2)
    for message in range(4):
        life.ref.tell(message)
    assert [(one.message, one.reason, one.urn) for one in letters] == [
        (2, "stash full", life.urn),
        (3, "stash full", life.urn),
    ]
    with pytest.raises(MailboxFullError):
        life.ref.ask("hello")
    letters.clear()
    life.end(Shutdown())
    assert [(one.message, one.reason) for one in letters] == [(0, "ended"), (1, "ended")]


def test_the_bound_counts_what_comes_while_nobody_runs_not_the_backlog(
    dispatcher: Dispatcher, letters: list[DeadLetter]
) -> None:
    life, guardian, log = begun(dispatcher, Worker, stash=2)

    def send_and_crash(_worker: Worker) -> None:
        for message in range(10):
            life.ref.tell(message)
        raise ValueError("crash")

    life.ref.tell(send_and_crash)
    guardian.hear()
    for message in range(10, 13):
        life.ref.tell(message)
    assert [one.message for one in letters] == [12]
    life.begin(Worker, (log,), {})
    assert life.ref.ask("last") == (2, "last")
    assert [message for number, message in log if number == 2][1:-1] == list(range(12))
    life.end(Shutdown())


def test_a_watcher_of_the_ref_hears_once_and_only_of_the_final_end(dispatcher: Dispatcher) -> None:
    heard: list[Any] = []
    watcher = dispatcher.spawn(Worker, heard)
    guardian = Starts()
    life = Life(dispatcher, guardian, stash=9)
    watcher.ask(lambda actor: actor.watch(life.ref))
    for _ in range(3):
        life.begin(Worker, ([],), {})
        guardian.hear()
        life.ref.tell("crash")
        guardian.hear()
    assert watcher.ask("nothing yet") == (1, "nothing yet")
    guardian.lasts = False
    life.begin(Worker, ([],), {})
    guardian.hear()
    life.ref.stop(block=False)
    guardian.hear()
    assert life.ref.actor_stopped.wait(LONG)
    watcher.ask("over")
    assert [one for _number, one in heard] == [
        "start",
        "nothing yet",
        Terminated(life.ref, Normal()),
        "over",
    ]


def test_a_watcher_may_ask_for_a_message_of_its_own(dispatcher: Dispatcher) -> None:
    heard: list[Any] = []
    watcher, ref = dispatcher.spawn(Worker, heard), dispatcher.spawn(Worker, [])
    watcher.ask(lambda actor: actor.watch(ref, "it is gone"))
    ref.stop()
    watcher.ask("later")
    assert (1, "it is gone") in heard
    dead: list[Any] = []
    late = dispatcher.spawn(Worker, dead)
    late.ask(lambda actor: actor.watch(ref, "it was gone"))
    late.ask("later")
    assert (1, "it was gone") in dead


def test_timers_and_stop_requests_of_an_incarnation_do_not_reach_the_next(
    dispatcher: Dispatcher,
) -> None:
    clock: Any = dispatcher.clock
    life, guardian, log = begun(dispatcher, Worker, stash=9)

    def set_timers(worker: Worker) -> None:
        worker.call_later(1, "of the first")

    life.ref.ask(set_timers)
    ready, go = threading.Event(), threading.Event()

    def hold_and_crash(_worker: Worker) -> None:
        ready.set()
        go.wait(LONG)
        raise ValueError("crash")

    life.ref.tell(hold_and_crash)
    assert ready.wait(LONG)
    life.stop(Shutdown())  # comes too late: it crashes first
    go.set()
    guardian.hear()
    life.begin(Worker, (log,), {})
    guardian.hear()
    clock.advance(2)
    assert life.ref.ask("hello") == (2, "hello")
    assert (2, "of the first") not in log
    life.end(Shutdown())


def test_a_kill_leaves_the_backlog_to_the_next_incarnation(
    dispatcher: Dispatcher, worker: type[Worker]
) -> None:
    life, guardian, log = begun(dispatcher, worker, stash=9)
    ready, go = threading.Event(), threading.Event()
    life.ref.tell(lambda _worker: (ready.set(), go.wait(LONG)))
    assert ready.wait(LONG)
    answer = life.ref.ask("kept", block=False)
    life.ref.kill()
    go.set()
    guardian.hear()
    assert guardian.ended == [(1, Killed())]
    life.begin(worker, (log,), {})
    assert answer.get(timeout=LONG) == (2, "kept")
    life.end(Shutdown())
    assert life.ref.actor_stopped.wait(LONG)


def test_what_goes_wrong_at_the_start_is_told_to_the_guardian_only(
    dispatcher: Dispatcher, worker: type[Worker]
) -> None:
    guardian = Starts()
    life = Life(dispatcher, guardian, stash=9)
    life.begin(worker, (), {})
    guardian.hear()
    [(number, reason)] = guardian.ended
    assert number == 1
    assert isinstance(reason, StartFailed)
    assert isinstance(reason.exception, TypeError)
    assert life.ref.is_alive()
    life.end(reason)
    assert not life.ref.is_alive()


def test_a_life_that_is_ended_while_it_runs_ends_after_its_cleanup(
    dispatcher: Dispatcher, worker: type[Worker]
) -> None:
    life, _guardian, log = begun(dispatcher, worker, stash=9)
    life.end(Shutdown())
    assert life.ref.actor_stopped.wait(LONG)
    assert log[-1] == (1, "stop")
    assert dispatcher.get(life.urn) is None
    with pytest.raises(pykka.ActorDeadError):
        life.ref.tell("late")


def test_a_stuck_incarnation_is_given_up_and_the_next_has_the_mailbox(
    dispatcher: Dispatcher,
) -> None:
    life, guardian, log = begun(dispatcher, BlockingWorker, stash=9)
    ready, go = threading.Event(), threading.Event()

    def stuck_for_ever(worker: Worker) -> None:
        ready.set()
        go.wait(LONG)
        worker.log.append("late")

    life.ref.tell(stuck_for_ever)
    life.ref.tell("kept")
    assert ready.wait(LONG)
    life.kill(Killed())
    assert "stuck_for_ever" in life.give_up()
    assert guardian.ended == [(1, Killed())]
    life.begin(BlockingWorker, (log,), {})
    assert life.ref.ask("hello") == (2, "hello")
    assert (2, "kept") in log
    go.set()
    life.end(Shutdown())
    assert life.ref.actor_stopped.wait(LONG)
    assert guardian.ended == [(1, Killed())]


# Messages left in a mailbox.


def test_what_an_actor_leaves_unhandled_is_a_dead_letter_questions_and_news_are_not(
    dispatcher: Dispatcher, letters: list[DeadLetter]
) -> None:
    ref = dispatcher.spawn(BlockingWorker, [])
    ready, go = threading.Event(), threading.Event()
    ref.tell(lambda _worker: (ready.set(), go.wait(LONG)))
    assert ready.wait(LONG)
    ref.tell("unheard")
    answer = ref.ask("unanswered", block=False)
    ref.stop(block=False)
    ref.kill()
    go.set()
    assert ref.actor_stopped.wait(LONG)
    with pytest.raises(pykka.ActorDeadError):
        answer.get(timeout=LONG)
    assert letters == [DeadLetter(str(ref), ref.actor_urn, "unheard", "ended")]


def test_what_hears_of_dead_letters_may_raise(caplog: pytest.LogCaptureFixture) -> None:
    def raise_it(_letter: DeadLetter) -> None:
        raise SystemExit(1)

    with Dispatcher("tests", on_dead_letter=raise_it) as dispatcher:
        life = Life(dispatcher, Starts(), stash=0)
        life.ref.tell("too much")
        life.end(Shutdown())
    assert "dead letter" in caplog.text


# pykka's own actors.


class Theirs(pykka.ThreadingActor):
    """Written for pykka alone."""

    def __init__(self, log: list[str], *, name: str) -> None:
        super().__init__()
        self.log = log
        self.name = name

    def on_start(self) -> None:
        self.log.append(f"start on {threading.current_thread().name}")

    def on_stop(self) -> None:
        self.log.append("stop")

    def on_failure(self, *_error: object) -> None:
        self.log.append("failure")

    def on_receive(self, message: Any) -> Any:
        return message

    def hello(self) -> str:
        return f"hello from {self.name}"

    def crash(self) -> None:
        raise ValueError("crash")

    def end(self) -> None:
        self.stop()


def test_a_pykka_class_runs_as_it_is_on_a_thread_of_its_own(dispatcher: Dispatcher) -> None:
    log: list[str] = []
    guardian = Starts()
    life = Life(dispatcher, guardian, stash=9)
    life.begin(hosted(Theirs), (log,), {"name": "theirs"})
    guardian.hear()
    ref: ActorRef[Any] = life.ref
    assert issubclass(ref.actor_class, Theirs)
    assert str(ref).startswith("Theirs (urn:uuid:")
    proxy = ref.proxy()
    assert proxy.hello().get(timeout=LONG) == "hello from theirs"
    assert proxy.name.get(timeout=LONG) == "theirs"
    assert ref.ask("echo") == "echo"
    assert pykka.ActorRegistry.get_by_class(Theirs) == [ref]
    proxy.crash()
    guardian.hear()
    life.begin(hosted(Theirs), (log,), {"name": "again"})
    assert proxy.hello().get(timeout=LONG) == "hello from again"
    assert pykka.ActorRegistry.get_by_class(Theirs) == [ref]
    guardian.lasts = False
    proxy.end()
    assert ref.actor_stopped.wait(LONG)
    assert pykka.ActorRegistry.get_all() == []
    begun = "start on tests-Theirs"
    assert log == [begun, "failure", begun, "stop"]


def test_a_pykka_class_is_hosted_by_one_class_only() -> None:
    assert hosted(Theirs) is hosted(Theirs)
    assert hosted(Theirs).__name__ == "Theirs"
