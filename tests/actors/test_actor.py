"""What our actors have beyond pykka's: watching, timers, draining, threads of their own."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from actorch.actors._actor import Actor
from actorch.actors._dispatcher import Dispatcher
from actorch.actors._errors import DispatcherClosedError
from actorch.actors._reasons import (
    Crashed,
    ExitReason,
    Killed,
    Normal,
    Shutdown,
    StartFailed,
    Terminated,
)
from actorch.actors._ref import ActorRef
from actorch.actors.testing import ManualClock, assert_terminated

LONG = 20.0


class Plain(Actor):
    def on_receive(self, message: Any) -> Any:
        return message() if callable(message) else message


class BlockingPlain(Plain):
    blocking = True


class Watcher(Actor):
    """Runs what it is sent with itself as argument; keeps everything else."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []

    def on_receive(self, message: Any) -> None:
        if callable(message):
            message(self)
        else:
            self.heard.append(message)


class BlockingWatcher(Watcher):
    blocking = True


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def dispatcher(clock: ManualClock) -> Iterator[Dispatcher]:
    with Dispatcher("tests", clock=clock) as dispatcher:
        yield dispatcher


@pytest.fixture(params=[Plain, BlockingPlain], ids=["of shared thread", "of own thread"])
def plain(request: pytest.FixtureRequest) -> type[Plain]:
    return request.param


@pytest.fixture(params=[Watcher, BlockingWatcher], ids=["by shared thread", "by own thread"])
def watcher(request: pytest.FixtureRequest, dispatcher: Dispatcher) -> ActorRef[Watcher]:
    return dispatcher.spawn(request.param)


def heard(clock: ManualClock, watcher: ActorRef[Watcher]) -> list[Any]:
    """What the watcher has heard once all is quiet."""
    clock.advance()
    actor: Any = watcher._actor_weakref()
    return list(actor.heard)


def end(ref: ActorRef[Any], how: str) -> None:
    def crash() -> None:
        raise ValueError("crash")

    {
        "stop": lambda: ref.stop(block=False),
        "kill": ref.kill,
        "shutdown": lambda: ref.stop(block=False, reason=Shutdown()),
        "crash": lambda: ref.tell(crash),
        "kill as shutdown": lambda: ref.kill(Shutdown()),
    }[how]()


# Watching.


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("stop", Normal),
        ("kill", Killed),
        ("shutdown", Shutdown),
        ("crash", Crashed),
        ("kill as shutdown", Shutdown),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_watcher_hears_once_of_the_end_and_its_reason(
    clock: ManualClock,
    dispatcher: Dispatcher,
    watcher: ActorRef[Watcher],
    plain: type[Plain],
    how: str,
    reason: type[ExitReason],
    when: str,
) -> None:
    ref = dispatcher.spawn(plain)
    if when == "before":
        watcher.ask(lambda actor: actor.watch(ref))
        watcher.ask(lambda actor: actor.watch(ref))
        end(ref, how)
    else:
        end(ref, how)
        assert ref.actor_stopped.wait(LONG)
        watcher.ask(lambda actor: actor.watch(ref))
    [terminated] = heard(clock, watcher)
    assert isinstance(terminated, Terminated)
    assert terminated.ref is ref
    assert type(terminated.reason) is reason


def test_all_watchers_hear_of_it_also_those_of_another_dispatcher(
    clock: ManualClock, dispatcher: Dispatcher, plain: type[Plain]
) -> None:
    with Dispatcher("other", clock=clock) as other:
        ref = dispatcher.spawn(plain)
        watchers = [where.spawn(Watcher) for where in (dispatcher, other) for _ in range(5)]
        for watcher in watchers:
            watcher.ask(lambda actor: actor.watch(ref))
        ref.kill()
        assert [heard(clock, watcher) for watcher in watchers] == [[Terminated(ref, Killed())]] * 10


def test_news_is_on_the_system_lane(clock: ManualClock, dispatcher: Dispatcher) -> None:
    watcher, ref = dispatcher.spawn(BlockingWatcher), dispatcher.spawn(Plain)
    go, holding = threading.Event(), threading.Event()
    watcher.ask(lambda actor: actor.watch(ref))
    watcher.tell(lambda _actor: (holding.set(), go.wait(LONG)))
    assert holding.wait(LONG)
    watcher.tell("backlog")
    ref.stop(timeout=LONG)
    go.set()
    assert heard(clock, watcher) == [Terminated(ref, Normal()), "backlog"]


def test_one_that_no_longer_watches_hears_nothing(
    clock: ManualClock, dispatcher: Dispatcher, watcher: ActorRef[Watcher], plain: type[Plain]
) -> None:
    ref = dispatcher.spawn(plain)
    watcher.ask(lambda actor: actor.watch(ref))
    watcher.ask(lambda actor: actor.unwatch(ref))
    watcher.ask(lambda actor: actor.unwatch(ref))
    ref.kill()
    assert heard(clock, watcher) == []
    assert ref.cell._mourners == {}


def test_unwatching_drops_the_news_that_is_in_the_mailbox_already(
    clock: ManualClock, dispatcher: Dispatcher, watcher: ActorRef[Watcher]
) -> None:
    ref = dispatcher.spawn(Plain)
    ref.stop(timeout=LONG)

    def waver(actor: Watcher) -> None:
        actor.watch(ref)  # dead: the news is there at once
        actor.unwatch(ref)

    watcher.ask(waver)
    assert heard(clock, watcher) == []


def test_watching_again_is_heard_of_again(
    clock: ManualClock, dispatcher: Dispatcher, watcher: ActorRef[Watcher]
) -> None:
    ref = dispatcher.spawn(Plain)
    ref.stop(timeout=LONG)

    def change_mind(actor: Watcher) -> None:
        actor.watch(ref)
        actor.unwatch(ref)
        actor.watch(ref)

    watcher.ask(change_mind)
    assert len(heard(clock, watcher)) == 1
    watcher.ask(lambda actor: actor.watch(ref))
    assert len(heard(clock, watcher)) == 2


def test_watching_while_the_other_ends_is_heard_of_exactly_once(
    clock: ManualClock, dispatcher: Dispatcher
) -> None:
    watcher = dispatcher.spawn(Watcher)
    refs = [dispatcher.spawn(BlockingPlain) for _ in range(50)]
    for ref in refs:
        ref.kill()
        watcher.tell(lambda actor, ref=ref: actor.watch(ref))
    clock.advance()
    for ref in refs:
        assert_terminated(ref, Killed)
    news = heard(clock, watcher)
    assert len(news) == 50
    assert {terminated.ref for terminated in news} == set(refs)


def test_a_dead_watcher_is_not_kept_by_what_it_watched(
    dispatcher: Dispatcher, plain: type[Plain]
) -> None:
    ref = dispatcher.spawn(plain)
    for _ in range(10):
        watcher = dispatcher.spawn(Watcher)
        watcher.ask(lambda actor: actor.watch(ref))
        watcher.stop(timeout=LONG)
    assert ref.cell._mourners == {}


def test_a_told_terminated_is_a_message_like_any_other(
    clock: ManualClock, dispatcher: Dispatcher, watcher: ActorRef[Watcher]
) -> None:
    message = Terminated(dispatcher.spawn(Plain), Normal())
    watcher.tell(message)
    assert heard(clock, watcher) == [message]


def test_reasons_say_whether_they_are_a_failure() -> None:
    error = ValueError()
    reasons = [Normal(), Shutdown(), Killed(), Crashed(error), StartFailed(error)]
    assert [reason.abnormal for reason in reasons] == [False, False, True, True, True]
    assert all(isinstance(reason, ExitReason) for reason in reasons)
    assert repr(Crashed(ValueError("x"))) == "Crashed(exception=ValueError('x'))"
    with pytest.raises(AttributeError):
        Crashed(error).exception = error  # type: ignore[misc]


# Timers.


def test_call_later_tells_oneself(
    clock: ManualClock, dispatcher: Dispatcher, watcher: ActorRef[Watcher]
) -> None:
    watcher.ask(lambda actor: (actor.call_later(2, "second"), actor.call_later(1, "first")))
    assert heard(clock, watcher) == []
    clock.advance(1)
    assert heard(clock, watcher) == ["first"]
    clock.advance(1)
    assert heard(clock, watcher) == ["first", "second"]
    actor: Any = watcher._actor_weakref()
    assert actor._cell.timers == {}


def test_a_timers_message_is_never_refused_for_want_of_room(
    clock: ManualClock, dispatcher: Dispatcher
) -> None:
    class Small(BlockingWatcher):
        mailbox_capacity = 1

    ref = dispatcher.spawn(Small)
    actor: Any = ref._actor_weakref()
    go, holding = threading.Event(), threading.Event()
    ref.ask(lambda actor: actor.call_later(1, "tick"))
    ref.tell(lambda _actor: (holding.set(), go.wait(LONG)))
    assert holding.wait(LONG)
    ref.tell("fills it")
    clock.advance(1, patience=0.5)
    go.set()
    ref.stop(timeout=LONG)
    assert actor.heard == ["fills it", "tick"]


def test_a_cancelled_timer_stays_silent(
    clock: ManualClock, dispatcher: Dispatcher, watcher: ActorRef[Watcher]
) -> None:
    timers: list[Any] = []
    watcher.ask(lambda actor: timers.append(actor.call_later(1, "tick")))
    timers[0].cancel()
    clock.advance(2)
    assert heard(clock, watcher) == []
    actor: Any = watcher._actor_weakref()
    assert actor._cell.timers == {}


def test_a_timer_cancelled_by_its_actor_stays_silent_even_if_it_is_in_the_mailbox(
    clock: ManualClock, dispatcher: Dispatcher
) -> None:
    ref = dispatcher.spawn(BlockingWatcher)
    timers: list[Any] = []
    go, holding = threading.Event(), threading.Event()
    ref.ask(lambda actor: timers.append(actor.call_later(1, "tick")))

    def hold(_actor: Watcher) -> None:
        holding.set()
        go.wait(LONG)
        timers[0].cancel()

    ref.tell(hold)
    assert holding.wait(LONG)
    clock.advance(1, patience=0.5)
    assert not timers[0].active
    assert len(ref.actor_inbox) == 1
    actor: Any = ref._actor_weakref()
    go.set()
    ref.stop(timeout=LONG)
    assert actor.heard == []


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_actors_timers_end_with_it(
    clock: ManualClock, dispatcher: Dispatcher, watcher: ActorRef[Watcher], how: str
) -> None:
    timers: list[Any] = []
    watcher.ask(lambda actor: timers.extend(actor.call_later(n, n) for n in range(1, 50)))
    end(watcher, how)
    assert watcher.actor_stopped.wait(LONG)
    assert not any(timer.active for timer in timers)
    clock.advance(100)


def test_a_timer_may_be_set_in_the_constructor(clock: ManualClock, dispatcher: Dispatcher) -> None:
    class Early(Watcher):
        def __init__(self) -> None:
            super().__init__()
            self.call_later(1, "tick")

    ref = dispatcher.spawn(Early)
    clock.advance(1)
    assert heard(clock, ref) == ["tick"]


def test_a_delay_must_be_a_number(dispatcher: Dispatcher) -> None:
    ref = dispatcher.spawn(Watcher)
    with pytest.raises(ValueError, match="nan"):
        ref.ask(lambda actor: actor.call_later(float("nan"), "never"))


# Draining.


class Batches(Actor):
    """Writes down, at each on_drained, what it was told since the last."""

    def __init__(self) -> None:
        super().__init__()
        self.batch: list[object] = []
        self.batches: list[list[object]] = []
        self.ended: list[str] = []

    def on_receive(self, message: Any) -> None:
        if callable(message):
            message()
        else:
            self.batch.append(message)

    def on_drained(self) -> None:
        self.batches.append(self.batch)
        self.batch = []

    def on_stop(self) -> None:
        self.ended.append(f"{len(self.batch)} left over")


class BlockingBatches(Batches):
    blocking = True


@pytest.mark.parametrize("kind", [Batches, BlockingBatches])
def test_on_drained_ends_each_batch_of_messages(
    clock: ManualClock, dispatcher: Dispatcher, kind: type[Batches]
) -> None:
    ref = dispatcher.spawn(kind)
    actor: Any = ref._actor_weakref()
    clock.advance()
    assert actor.batches == [], "not without a message"
    go, holding = threading.Event(), threading.Event()
    ref.tell(lambda: (holding.set(), go.wait(LONG)))
    assert holding.wait(LONG)
    for number in range(5000):
        ref.tell(number)
    stopped = ref.stop(block=False)
    go.set()
    assert stopped.get(timeout=LONG)
    assert [number for batch in actor.batches for number in batch] == list(range(5000))
    sizes = [len(batch) for batch in actor.batches]
    assert max(sizes) <= (1024 if kind.blocking else 64)
    assert len(sizes) <= 5000 // max(sizes) + 3, "as few as can be"
    assert actor.ended == ["0 left over"], "called before on_stop, too"


def test_an_error_in_on_drained_is_a_crash(clock: ManualClock, dispatcher: Dispatcher) -> None:
    class Broken(Actor):
        def on_drained(self) -> None:
            raise ValueError("disk full")

        def on_receive(self, message: object) -> None:
            pass

    watcher, ref = dispatcher.spawn(Watcher), dispatcher.spawn(Broken)
    watcher.ask(lambda actor: actor.watch(ref))
    ref.tell("x")
    [terminated] = heard(clock, watcher)
    assert isinstance(terminated.reason, Crashed)


# Threads.


def test_plain_actors_share_one_thread_and_blocking_ones_have_their_own(
    dispatcher: Dispatcher,
) -> None:
    shared = {dispatcher.spawn(Plain).ask(threading.get_ident) for _ in range(10)}
    own = [dispatcher.spawn(BlockingPlain).ask(threading.current_thread) for _ in range(5)]
    assert len(shared) == 1
    assert len({thread.ident for thread in own} | shared) == 6
    assert all(thread.daemon for thread in own)
    assert own[0].name == "tests-BlockingPlain"


def test_a_blocking_actor_blocks_nobody_else(dispatcher: Dispatcher) -> None:
    go = threading.Event()
    blocked = dispatcher.spawn(BlockingPlain)
    answer = blocked.ask(lambda: go.wait(LONG), block=False)
    assert dispatcher.spawn(Plain).ask("free") == "free"
    assert dispatcher.spawn(BlockingPlain).ask("free") == "free"
    assert not answer.done()
    go.set()
    assert answer.get(timeout=LONG) is True


def test_the_thread_of_a_blocking_actor_ends_with_it(dispatcher: Dispatcher) -> None:
    ref = dispatcher.spawn(BlockingPlain)
    thread = ref.ask(threading.current_thread)
    ref.stop(timeout=LONG)
    thread.join(LONG)
    assert not thread.is_alive()


def test_a_blocking_actor_that_outlives_its_dispatcher_is_told_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dispatcher = Dispatcher("short-lived")
    go, holding, over = threading.Event(), threading.Event(), threading.Event()
    outcome: list[BaseException] = []

    class Late(Actor):
        blocking = True

        def on_receive(self, message: object) -> None:
            holding.set()
            go.wait(LONG)
            for attempt in (
                lambda: self.call_later(1, "x"),
                lambda: self.dispatcher.call_soon(print),
                lambda: self.dispatcher.spawn(Plain),
            ):
                try:
                    attempt()
                except DispatcherClosedError as error:
                    outcome.append(error)
            over.set()

    ref = dispatcher.spawn(Late)
    ref.tell("go")
    assert holding.wait(LONG)
    dispatcher.close(timeout=0.05)
    go.set()
    assert over.wait(LONG)
    assert len(outcome) == 3


# Odds and ends.


def test_a_kill_comes_before_notices_and_messages(
    clock: ManualClock, dispatcher: Dispatcher
) -> None:
    ref = dispatcher.spawn(BlockingWatcher)
    actor: Any = ref._actor_weakref()
    go, holding = threading.Event(), threading.Event()
    ref.tell(lambda _actor: (holding.set(), go.wait(LONG)))
    assert holding.wait(LONG)
    ref.notify("urgent")
    ref.tell("ordinary")
    ref.kill()
    ref.kill(Shutdown())
    go.set()
    assert_terminated(ref, Killed)  # the first reason stands
    assert actor.heard == []


def test_killing_the_dead_does_nothing(dispatcher: Dispatcher, plain: type[Plain]) -> None:
    ref = dispatcher.spawn(plain)
    ref.stop(timeout=LONG)
    ref.kill()
    assert ref.cell.reason == Normal()


def test_an_actor_may_kill_itself_and_finish_its_sentence(dispatcher: Dispatcher) -> None:
    class Brave(Actor):
        def on_receive(self, message: object) -> str:
            self.actor_ref.kill()
            return "last words"

    ref = dispatcher.spawn(Brave)
    assert ref.ask("go") == "last words"
    assert_terminated(ref, Killed)


@pytest.mark.parametrize("call", ["set", "clear"])
def test_actor_stopped_is_to_look_at_only(dispatcher: Dispatcher, call: str) -> None:
    ref = dispatcher.spawn(Plain)
    with pytest.raises(TypeError):
        getattr(ref.actor_stopped, call)()
    assert ref.actor_stopped.wait(0.001) is False
    assert ref.cell._mourners == {}
    ref.stop(timeout=LONG)
    assert ref.actor_stopped.wait(0) is True
    assert ref.actor_stopped.wait() is True


def test_the_name_of_an_actor_shows_what_it_is_doing(dispatcher: Dispatcher) -> None:
    names: list[str] = []

    class Named(Actor):
        def __init__(self) -> None:
            super().__init__()
            names.append(repr(self))

        def on_receive(self, message: object) -> None:
            names.append(repr(self))

        def on_stop(self) -> None:
            names.append(repr(self))

    ref = dispatcher.spawn(Named)
    ref.ask("x")
    ref.stop(timeout=LONG)
    assert names == [f"<{ref}: {state}>" for state in ("starting", "running, 0 waiting", "ending")]


def test_ending_an_actor_that_is_asked_through_proxies_answers_them_all(
    dispatcher: Dispatcher, plain: type[Plain]
) -> None:
    go, holding = threading.Event(), threading.Event()
    ref = dispatcher.spawn(plain)
    proxy = ref.proxy()
    ref.tell(lambda: (holding.set(), go.wait(LONG)))
    assert holding.wait(LONG)
    calls: list[Callable[[], Any]] = [proxy.on_receive("x").get, proxy.actor_urn.get]
    ref.kill()
    go.set()
    for call in calls:
        with pytest.raises(pykka.ActorDeadError, match="stopped before handling"):
            call(timeout=LONG)
