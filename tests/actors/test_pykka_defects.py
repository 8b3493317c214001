"""What goes wrong with pykka's own actors, and not with ours; each was reproduced there."""

import asyncio
import contextlib
import gc
import inspect
import logging
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from actorch.actors._actor import Actor
from actorch.actors._dispatcher import Dispatcher
from actorch.actors._errors import WouldBlockError
from actorch.actors._future import Future
from actorch.actors._reasons import Crashed, ExitReason, Killed, Normal, StartFailed, Terminated
from actorch.actors._ref import ActorRef
from actorch.actors.testing import assert_terminated

LONG = 20.0


class Runner(Actor):
    """Calls what it is sent; tells the test, too, how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[str] = []

    def on_receive(self, message: Any) -> Any:
        return message() if callable(message) else message

    def on_stop(self) -> None:
        self.history.append("on_stop")

    def on_failure(self, *exc_info: object) -> None:
        self.history.append("on_failure")


class BlockingRunner(Runner):
    blocking = True


class Watcher(Actor):
    """Collects the ends of those it watches."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Terminated] = []
        self.some = threading.Event()

    def on_receive(self, message: object) -> None:
        if isinstance(message, Terminated):
            self.heard.append(message)
            self.some.set()
        elif isinstance(message, ActorRef):
            self.watch(message)


def end_of(dispatcher: Dispatcher, ref: ActorRef[Any]) -> ExitReason:
    """The reason that a watcher is told."""
    watcher = dispatcher.spawn(Watcher)
    actor = watcher._actor_weakref()
    watcher.tell(ref)
    assert actor.some.wait(LONG)
    watcher.stop(timeout=LONG)
    [terminated] = actor.heard
    assert terminated.ref is ref
    return terminated.reason


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    with Dispatcher("tests") as dispatcher:
        yield dispatcher


@pytest.fixture(params=[Runner, BlockingRunner], ids=["shared thread", "own thread"])
def runner(request: pytest.FixtureRequest) -> type[Runner]:
    return request.param


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns as often as they can, so that races happen."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def fail(error: BaseException) -> Any:
    def raise_it() -> None:
        raise error

    return raise_it


# 1. ask can hang for ever.


@pytest.mark.parametrize("end", ["stop", "kill", "crash"])
def test_every_ask_is_answered_however_it_races_with_the_end(
    dispatcher: Dispatcher, runner: type[Runner], hurried: None, end: str
) -> None:
    for _ in range(60 if runner.blocking else 200):
        ref = dispatcher.spawn(runner)
        futures: list[Future[Any]] = []
        go = threading.Barrier(4)

        def ask(go: threading.Barrier, ref: ActorRef[Any], into: list[Future[Any]]) -> None:
            go.wait()
            into.extend(ref.ask(number, block=False) for number in range(20))

        askers = [threading.Thread(target=ask, args=(go, ref, futures)) for _ in range(3)]
        for asker in askers:
            asker.start()
        go.wait()
        if end == "stop":
            ref.stop(block=False)
        elif end == "kill":
            ref.kill()
        else:
            ref.ask(fail(ValueError("crash")), block=False)
        for asker in askers:
            asker.join()
        assert len(futures) == 60
        for future in futures:
            with contextlib.suppress(pykka.ActorDeadError):
                assert future.get(timeout=LONG) in range(20)


def test_an_ask_has_a_timeout_unless_one_says_otherwise(dispatcher: Dispatcher) -> None:
    assert inspect.signature(ActorRef.ask).parameters["timeout"].default == 30.0
    release = threading.Event()
    ref = dispatcher.spawn(BlockingRunner)
    with pytest.raises(pykka.Timeout, match=r"did not answer within 0\.01 seconds"):
        ref.ask(lambda: release.wait(LONG), timeout=0.01)
    release.set()


def test_a_timeout_inside_the_handler_is_handed_on_as_it_is(dispatcher: Dispatcher) -> None:
    ref = dispatcher.spawn(Runner)
    with pytest.raises(pykka.Timeout, match="of its own"):
        ref.ask(fail(pykka.Timeout("of its own")))


# 2. A BaseException in one handler stops every actor of the process.


@pytest.mark.parametrize(
    "error", [SystemExit(3), asyncio.CancelledError(), GeneratorExit(), KeyboardInterrupt()]
)
@pytest.mark.parametrize("told", [True, False], ids=["told", "asked"])
def test_any_exception_is_the_end_of_that_actor_only_and_reaches_who_asked(
    dispatcher: Dispatcher, runner: type[Runner], error: BaseException, told: bool
) -> None:
    bystanders = [dispatcher.spawn(Runner), dispatcher.spawn(BlockingRunner)]
    stranger = pykka.ThreadingActor.start()
    ref = dispatcher.spawn(runner)
    actor = ref._actor_weakref()
    if told:
        ref.tell(fail(error))
    else:
        with pytest.raises(type(error)):
            ref.ask(fail(error))
    assert end_of(dispatcher, ref) == Crashed(error)
    assert actor.history == ["on_failure"]
    assert [other.ask("alive?") for other in bystanders] == ["alive?", "alive?"]
    assert stranger.is_alive()
    stranger.stop()


# 3. stop_all gives up at the first hung actor.


def test_a_hung_actor_does_not_keep_the_others_from_stopping(dispatcher: Dispatcher) -> None:
    release = threading.Event()
    first = dispatcher.spawn(Runner)
    hung = dispatcher.spawn(BlockingRunner)
    last = dispatcher.spawn(BlockingRunner)
    hung.tell(lambda: release.wait(LONG))
    assert dispatcher.stop_all(timeout=0.2) == [hung]
    assert not first.is_alive()
    assert not last.is_alive()
    assert hung.is_alive()
    release.set()
    assert hung.actor_stopped.wait(LONG)


def test_the_shared_thread_being_hung_does_not_keep_blocking_actors_from_stopping(
    dispatcher: Dispatcher,
) -> None:
    release = threading.Event()
    blocking = dispatcher.spawn(BlockingRunner)
    shared = dispatcher.spawn(Runner)
    shared.tell(lambda: release.wait(LONG))
    assert dispatcher.stop_all(timeout=0.2) == [shared]
    assert not blocking.is_alive()
    release.set()


# 4. is_alive() is False, and the registry forgets, before cleanup ran.


def test_an_actor_is_alive_and_listed_and_not_terminated_until_its_cleanup_has_run(
    dispatcher: Dispatcher, runner: type[Runner]
) -> None:
    cleaning, cleaned = threading.Event(), threading.Event()

    class Slow(runner):  # type: ignore[misc, valid-type]
        def on_stop(self) -> None:
            cleaning.set()
            cleaned.wait(LONG)

    other = Dispatcher("watching")
    ref = dispatcher.spawn(Slow)
    watcher = other.spawn(Watcher)
    watching = watcher._actor_weakref()
    watcher.ask(ref)
    stopped = ref.stop(block=False)
    assert cleaning.wait(LONG)
    assert ref.is_alive()
    assert not ref.actor_stopped.is_set()
    assert ref in dispatcher.actors()
    assert not stopped.done()
    watcher.ask("has anything come?")
    assert watching.heard == []
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("too late")
    late = ref.stop(block=False)
    cleaned.set()
    assert stopped.get(timeout=LONG) is True
    assert late.get(timeout=LONG) is True
    assert not ref.is_alive()
    assert ref not in dispatcher.actors()
    assert watching.some.wait(LONG)
    other.close()


# 5. A failing on_start is only logged.


def test_a_failing_on_start_calls_on_failure_and_watchers_hear_of_it(
    dispatcher: Dispatcher, runner: type[Runner]
) -> None:
    error = ValueError("cannot start")

    class Stillborn(runner):  # type: ignore[misc, valid-type]
        def on_start(self) -> None:
            raise error

    ref = dispatcher.spawn(Stillborn)
    assert end_of(dispatcher, ref) == StartFailed(error)
    assert not ref.is_alive()


def test_on_failure_runs_and_on_stop_does_not_when_on_start_fails(dispatcher: Dispatcher) -> None:
    history: list[str] = []

    class Stillborn(Runner):
        def on_start(self) -> None:
            self.history = history
            raise ValueError("cannot start")

    future = dispatcher.spawn(Stillborn).ask("anybody?", block=False)
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=LONG)
    assert history == ["on_failure"]


def test_a_failing_constructor_raises_at_once_and_leaves_no_actor(dispatcher: Dispatcher) -> None:
    leaked: list[ActorRef[Any]] = []

    class Unborn(Actor):
        def __init__(self) -> None:
            leaked.append(self.actor_ref)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        dispatcher.spawn(Unborn)
    assert dispatcher.actors() == []
    [ref] = leaked
    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("anybody?")


# 6. A crash under ask leaves the actor alive, one under tell kills it.


@pytest.mark.parametrize("how", ["tell", "ask", "call", "defer", "property"])
def test_an_exception_ends_the_actor_whether_its_message_was_told_or_asked(
    dispatcher: Dispatcher, runner: type[Runner], how: str
) -> None:
    error = ValueError("one rule")

    class Fragile(runner):  # type: ignore[misc, valid-type]
        def crash(self) -> None:
            raise error

        @property
        def brittle(self) -> None:
            raise error

    ref = dispatcher.spawn(Fragile)
    actor = ref._actor_weakref()
    if how == "tell":
        ref.tell(fail(error))
    elif how == "defer":
        ref.proxy().crash.defer()
    else:
        asks = {
            "ask": lambda: ref.ask(fail(error)),
            "call": lambda: ref.proxy().crash().get(timeout=LONG),
            "property": lambda: ref.proxy().brittle.get(timeout=LONG),
        }
        with pytest.raises(ValueError, match="one rule"):
            asks[how]()
        assert not ref.is_alive(), "whoever has the answer finds the cleanup done"
    assert end_of(dispatcher, ref) == Crashed(error)
    assert actor.history == ["on_failure"]


def test_a_crash_is_logged_with_its_traceback(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    ref = dispatcher.spawn(Runner)
    with pytest.raises(ValueError, match="see the log"):
        ref.ask(fail(ValueError("see the log")))
    [record] = caplog.records
    assert record.name == "actorch.actor"
    assert record.levelname == "ERROR"
    assert str(ref) in record.getMessage()
    assert record.exc_info is not None


def test_a_normal_end_is_not_logged(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher.spawn(Runner).stop(timeout=LONG)
    dispatcher.spawn(Runner).kill()
    dispatcher.stop_all(timeout=LONG)
    assert caplog.records == []


# 7. await blocks the event loop. See test_future, too.


def test_awaiting_an_answer_leaves_asyncio_running(
    dispatcher: Dispatcher, runner: type[Runner]
) -> None:
    async def main() -> int:
        release = threading.Event()
        answer = dispatcher.spawn(runner).ask(lambda: release.wait(LONG), block=False)
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while ticks < 100:
                await asyncio.sleep(0)
                ticks += 1
            release.set()

        ticking = asyncio.create_task(tick())
        assert await answer is True
        await ticking
        return ticks

    assert asyncio.run(main()) == 100


# 8. The timeout of a second waiter is ignored while the first one waits.


def test_each_waiter_has_its_own_timeout() -> None:
    source = Future[int]()
    mapped = source.map(lambda number: number + 1)
    waiting = threading.Thread(target=lambda: mapped.get(timeout=LONG))
    waiting.start()
    with pytest.raises(pykka.Timeout):
        mapped.get(timeout=0.01)
    source.set(1)
    waiting.join()
    assert mapped.get(timeout=LONG) == 2


# 9. Stop waits behind the backlog, and there is no kill.


def test_a_kill_does_not_wait_behind_the_backlog(
    dispatcher: Dispatcher, runner: type[Runner]
) -> None:
    handled: list[int] = []
    started, release = threading.Event(), threading.Event()

    def first() -> None:
        started.set()
        release.wait(LONG)

    ref = dispatcher.spawn(runner)
    actor = ref._actor_weakref()
    ref.tell(first)
    assert started.wait(LONG)
    for number in range(100):
        ref.tell(lambda number=number: handled.append(number))
    asked = ref.ask("too late", block=False)
    stop = ref.stop(block=False)
    ref.kill()
    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=LONG)  # answered although the handler still runs
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("closed at once")
    assert ref.is_alive()
    release.set()
    assert stop.get(timeout=LONG) is True
    assert handled == []
    assert actor.history == ["on_stop"]
    assert end_of(dispatcher, ref) == Killed()


def test_one_killed_before_it_began_runs_neither_on_start_nor_on_stop(
    dispatcher: Dispatcher,
) -> None:
    history: list[str] = []
    release = threading.Event()

    class Careful(Runner):
        def on_start(self) -> None:
            history.append("on_start")

        def on_stop(self) -> None:
            history.append("on_stop")

    dispatcher.call_soon(release.wait, LONG)
    ref = dispatcher.spawn(Careful)
    ref.kill()
    release.set()
    assert_terminated(ref, Killed)
    assert history == []


# 10. Only its thread keeps an actor alive; and nothing may, once it has ended.


def test_an_actor_that_nobody_refers_to_lives_until_it_is_stopped_and_is_gone_then(
    dispatcher: Dispatcher, runner: type[Runner]
) -> None:
    urn = dispatcher.spawn(runner).actor_urn
    gc.collect()
    ref = dispatcher.get(urn)
    assert ref is not None
    assert ref.ask("still there?") == "still there?"
    actor = ref._actor_weakref()
    actor_gone = weakref.ref(actor)
    cell_gone = weakref.finalize(ref, lambda: None)
    del actor
    ref.stop(timeout=LONG)
    gc.collect()
    assert actor_gone() is None
    del ref
    gc.collect()
    assert not cell_gone.alive


def test_a_crashed_actor_is_not_kept_once_its_refs_are_gone(
    dispatcher: Dispatcher, runner: type[Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("actorch.actor"), "disabled", True)  # pytest keeps it
    ref = dispatcher.spawn(runner)
    gone = threading.Event()
    weakref.finalize(ref._actor_weakref(), gone.set)
    ref.tell(fail(ValueError("crash")))
    assert ref.actor_stopped.wait(LONG)
    del ref
    for _ in range(500):  # its thread may need a moment to end
        gc.collect()
        if gone.wait(0.01):
            break
    assert gone.is_set()


# 11. The registry is a list, and global.


def test_looking_up_an_actor_does_not_look_at_the_others(dispatcher: Dispatcher) -> None:
    refs = [dispatcher.spawn(Runner) for _ in range(300)]

    class Untouchable:
        def __eq__(self, other: object) -> bool:
            raise AssertionError("compared with another actor")

        __hash__ = None  # type: ignore[assignment]

    for ref in refs[:-1]:
        ref.actor_urn = Untouchable()  # type: ignore[assignment]
    assert dispatcher.get(refs[-1].cell.mailbox._whose[1]) is refs[-1]
    refs[-1].stop(timeout=LONG)
    assert dispatcher.actors() == refs[:-1]


def test_our_actors_are_not_in_the_registry_of_the_process(dispatcher: Dispatcher) -> None:
    dispatcher.spawn(Runner)
    dispatcher.spawn(BlockingRunner)
    assert pykka.ActorRegistry.get_all() == []


def test_two_dispatchers_do_not_know_each_others_actors(dispatcher: Dispatcher) -> None:
    with Dispatcher("other") as other:
        ours, theirs = dispatcher.spawn(Runner), other.spawn(Runner)
        assert dispatcher.actors() == [ours]
        assert other.actors() == [theirs]
        assert other.get(ours.actor_urn) is None
        other.stop_all(timeout=LONG)
        assert ours.ask("alive?") == "alive?"


# 12. A stop or an ask of oneself deadlocks.


def test_waiting_for_oneself_is_refused_instead_of_hanging(
    dispatcher: Dispatcher, runner: type[Runner]
) -> None:
    ref = dispatcher.spawn(runner)
    tried: list[str] = []

    def try_all() -> list[str]:
        for name, attempt in {
            "ask": lambda: ref.ask("me"),
            "stop": ref.stop,
            "stop_all": dispatcher.stop_all,
            "close": dispatcher.close,
        }.items():
            with pytest.raises(WouldBlockError):
                attempt()
            tried.append(name)
        return tried

    assert ref.ask(try_all) == ["ask", "stop", "stop_all", "close"]
    ref.ask("nothing of it was sent")
    assert ref.is_alive()


def test_the_shared_thread_refuses_to_wait_for_anything(dispatcher: Dispatcher) -> None:
    other = dispatcher.spawn(BlockingRunner)
    pending = Future[int]()

    def try_both() -> str:
        with pytest.raises(WouldBlockError, match="'tests'"):
            other.ask("other")
        with pytest.raises(WouldBlockError, match="await"):
            pending.get(timeout=1)
        ready = Future[str]()
        ready.set("a future that is done does not wait")
        return ready.get()

    assert dispatcher.spawn(Runner).ask(try_both) == "a future that is done does not wait"


# 13. Threads that are no daemons block the interpreter's exit.


@pytest.mark.parametrize("blocking", [False, True])
def test_forgotten_actors_do_not_keep_the_interpreter_from_ending(blocking: bool) -> None:
    code = f"""
import threading
from actorch.actors._actor import Actor
from actorch.actors._dispatcher import Dispatcher

class Forgotten(Actor):
    blocking = {blocking}
    def on_receive(self, message):
        message.set()
        threading.Event().wait()

ref = Dispatcher().spawn(Forgotten)
hung = threading.Event()
ref.tell(hung)
hung.wait()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        timeout=LONG,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_end_by_stop_is_normal(dispatcher: Dispatcher, runner: type[Runner]) -> None:
    ref = dispatcher.spawn(runner)
    ref.stop(timeout=LONG)
    assert end_of(dispatcher, ref) == Normal()
