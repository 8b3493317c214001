"""The shared thread: calls, timers, descriptors, sleep, close, and several of them."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from actorch.actors._actor import Actor
from actorch.actors._clock import SystemClock
from actorch.actors._dispatcher import Dispatcher
from actorch.actors._errors import DispatcherClosedError, WouldBlockError
from actorch.actors._future import Future
from actorch.actors._reasons import Crashed, Killed, Shutdown, Terminated
from actorch.actors._ref import ActorRef
from actorch.actors.testing import ManualClock, assert_terminated

LONG = 20.0


class Echo(Actor):
    def on_receive(self, message: Any) -> Any:
        return message() if callable(message) else message


class BlockingEcho(Echo):
    blocking = True


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    with Dispatcher("tests") as dispatcher:
        yield dispatcher


def on_thread(dispatcher: Dispatcher, function: Callable[..., Any], *args: Any) -> Any:
    """What `function` returns or raises on the dispatcher's thread."""
    future = Future[Any]()

    def call() -> None:
        try:
            future.set(function(*args))
        except BaseException:
            future.set_exception()

    dispatcher.call_soon(call)
    return future.get(timeout=LONG)


# Calls.


def test_calls_run_in_order_on_the_one_thread(dispatcher: Dispatcher) -> None:
    order: list[int] = []
    for number in range(1000):
        dispatcher.call_soon(order.append, number)
    assert on_thread(dispatcher, dispatcher.in_thread) is True
    assert order == list(range(1000))
    assert not dispatcher.in_thread()


def test_calls_and_messages_keep_the_order_of_their_sender(dispatcher: Dispatcher) -> None:
    order: list[int] = []
    refs = [dispatcher.spawn(Echo) for _ in range(10)]
    for ref in refs:
        ref.ask("started")
    for number, ref in enumerate(refs):
        ref.tell(lambda number=number: order.append(number * 2))
        dispatcher.call_soon(order.append, number * 2 + 1)
    on_thread(dispatcher, lambda: None)
    assert order == list(range(20))


@pytest.mark.parametrize("error", [ValueError("oops"), SystemExit(1), KeyboardInterrupt()])
def test_a_call_that_raises_is_logged_and_the_thread_goes_on(
    dispatcher: Dispatcher, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def oops() -> None:
        raise error

    dispatcher.call_soon(oops)
    dispatcher.call_later(0, oops)
    assert dispatcher.spawn(Echo).ask("still there") == "still there"
    on_thread(dispatcher, lambda: None)
    assert {record.name for record in caplog.records} == {"actorch.dispatcher"}
    assert all(record.exc_info and record.exc_info[1] is error for record in caplog.records)


def test_a_log_handler_that_raises_does_not_end_the_thread(
    dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    import logging

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError("no space left for logs")

    monkeypatch.setattr(logging.getLogger("actorch.dispatcher"), "error", refuse)
    monkeypatch.setattr(logging.getLogger("actorch.actor"), "error", refuse)
    dispatcher.call_soon(lambda: 1 / 0)
    crashed = dispatcher.spawn(Echo)
    crashed.tell(lambda: 1 / 0)
    assert_terminated(crashed, Crashed)
    assert dispatcher.spawn(Echo).ask("still there") == "still there"


def test_a_busy_actor_lets_the_others_have_their_turn(dispatcher: Dispatcher) -> None:
    stop = threading.Event()

    class Busy(Actor):
        def on_receive(self, message: object) -> None:
            if not stop.is_set():
                self.actor_ref.tell(message)

    for _ in range(3):
        dispatcher.spawn(Busy).tell("again")
    reader, writer = socket.socketpair()
    readable = threading.Event()
    with reader, writer:
        on_thread(dispatcher, dispatcher.add_reader, reader.fileno(), readable.set)
        ticked = threading.Event()
        dispatcher.call_later(0.001, ticked.set)
        writer.send(b"x")
        assert readable.wait(LONG), "descriptors have their turn"
        assert ticked.wait(LONG), "timers have their turn"
        assert dispatcher.spawn(Echo).ask("me too") == "me too"
        on_thread(dispatcher, dispatcher.remove_reader, reader.fileno())
    stop.set()


def test_a_handler_that_is_always_fed_does_not_starve_in_turn(dispatcher: Dispatcher) -> None:
    """A descriptor that is always readable must not keep messages from being handled."""
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.send(b"x")
        on_thread(dispatcher, dispatcher.add_reader, reader.fileno(), lambda: None)
        ref = dispatcher.spawn(Echo)
        assert [ref.ask(number) for number in range(100)] == list(range(100))
        on_thread(dispatcher, dispatcher.remove_reader, reader.fileno())


# Timers.


def test_timers_run_in_the_order_of_their_time_on_the_thread() -> None:
    clock = ManualClock()
    with Dispatcher("tests", clock=clock) as dispatcher:
        order: list[str] = []
        for delay, name in [(3, "c"), (1, "a"), (2, "b"), (1, "a2"), (0, "now"), (-5, "past")]:
            dispatcher.call_later(delay, order.append, name)
        clock.advance(10)
        assert order == ["now", "past", "a", "a2", "b", "c"]


def test_a_timer_knows_when_it_is_due_and_whether_it_still_is() -> None:
    clock = ManualClock(start=100)
    with Dispatcher("tests", clock=clock) as dispatcher:
        done = dispatcher.call_later(5, lambda: None)
        cancelled = dispatcher.call_later(6, lambda: 1 / 0)
        assert (done.when, done.active) == (105, True)
        assert repr(done) == "<Timer at 105.000, active>"
        cancelled.cancel()
        cancelled.cancel()
        assert not cancelled.active
        assert repr(cancelled) == "<Timer at 106.000, cancelled>"
        clock.advance(10)
        assert not done.active
        assert repr(done) == "<Timer at 105.000, done>"
        done.cancel()


def test_a_timer_may_cancel_another_that_is_due_at_the_same_time() -> None:
    clock = ManualClock()
    with Dispatcher("tests", clock=clock) as dispatcher:
        happened: list[str] = []
        second: list[Any] = []
        dispatcher.call_later(1, lambda: second[0].cancel())
        second.append(dispatcher.call_later(1, happened.append, "second"))
        clock.advance(1)
        assert happened == []


def test_a_timer_of_real_time_comes_and_not_early(dispatcher: Dispatcher) -> None:
    clock = SystemClock()
    begun = clock.now()
    came = Future[float]()
    dispatcher.call_later(0.05, lambda: came.set(clock.now()))
    assert came.get(timeout=LONG) - begun >= 0.05


def test_a_nearer_timer_set_later_comes_first(dispatcher: Dispatcher) -> None:
    far = dispatcher.call_later(3600, lambda: None)
    near = threading.Event()
    dispatcher.call_later(0.01, near.set)
    assert near.wait(LONG)
    far.cancel()


def test_a_delay_that_is_no_number_is_refused_and_one_for_ever_is_not(
    dispatcher: Dispatcher,
) -> None:
    with pytest.raises(ValueError, match="nan"):
        dispatcher.call_later(float("nan"), lambda: None)
    timer = dispatcher.call_later(float("inf"), lambda: None)
    assert dispatcher.spawn(Echo).ask("not disturbed") == "not disturbed"
    assert timer.active


def test_cancelled_timers_do_not_pile_up(dispatcher: Dispatcher) -> None:
    def set_and_cancel() -> int:
        for _ in range(10_000):
            dispatcher.call_later(3600, lambda: None).cancel()
        return len(dispatcher._loop.timers._heap)

    assert on_thread(dispatcher, set_and_cancel) < 500


def test_closing_cancels_the_timers() -> None:
    dispatcher = Dispatcher("tests")
    timer = dispatcher.call_later(3600, lambda: None)
    dispatcher.close()
    assert not timer.active


# Descriptors.


def test_a_reader_is_called_while_there_is_something_to_read(dispatcher: Dispatcher) -> None:
    reader, writer = socket.socketpair()
    got: list[bytes] = []
    enough = threading.Event()

    def read() -> None:
        got.append(reader.recv(1))
        if len(got) == 3:
            dispatcher.remove_reader(reader.fileno())
            enough.set()

    with reader, writer:
        on_thread(dispatcher, dispatcher.add_reader, reader.fileno(), read)
        writer.send(b"abcd")
        assert enough.wait(LONG)
        on_thread(dispatcher, lambda: None)
        assert got == [b"a", b"b", b"c"]


def test_a_reader_learns_of_the_end_of_the_other_side(dispatcher: Dispatcher) -> None:
    reader, writer = os.pipe()
    ended = Future[bytes]()

    def read() -> None:
        dispatcher.remove_reader(reader)
        ended.set(os.read(reader, 1))

    on_thread(dispatcher, dispatcher.add_reader, reader, read)
    os.close(writer)
    assert ended.get(timeout=LONG) == b""
    os.close(reader)


def test_one_descriptor_may_have_a_reader_and_a_writer(dispatcher: Dispatcher) -> None:
    ours, theirs = socket.socketpair()
    wrote, read = threading.Event(), threading.Event()

    def write() -> None:
        dispatcher.remove_writer(ours.fileno())
        ours.send(b"ping")
        wrote.set()

    def receive() -> None:
        dispatcher.remove_reader(ours.fileno())
        assert ours.recv(10) == b"pong"
        read.set()

    with ours, theirs:
        on_thread(dispatcher, dispatcher.add_reader, ours.fileno(), receive)
        on_thread(dispatcher, dispatcher.add_writer, ours.fileno(), write)
        assert wrote.wait(LONG)
        assert theirs.recv(10) == b"ping"
        theirs.send(b"pong")
        assert read.wait(LONG)


def test_a_reader_removed_by_another_of_the_same_moment_is_not_called(
    dispatcher: Dispatcher,
) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    called: list[int] = []
    both = threading.Event()

    def reader_of(which: int) -> Callable[[], None]:
        def read() -> None:
            called.append(which)
            for reader, _writer in pairs:
                dispatcher.remove_reader(reader.fileno())
            both.set()

        return read

    def add_both() -> None:
        for which, (reader, writer) in enumerate(pairs):
            writer.send(b"x")
            dispatcher.add_reader(reader.fileno(), reader_of(which))

    on_thread(dispatcher, add_both)
    assert both.wait(LONG)
    on_thread(dispatcher, lambda: None)
    assert len(called) == 1
    for pair in pairs:
        for end in pair:
            end.close()


def test_a_reader_that_raises_is_logged_and_the_thread_goes_on(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = socket.socketpair()
    raised = threading.Event()

    def read() -> None:
        dispatcher.remove_reader(reader.fileno())
        raised.set()
        raise ValueError("bad reader")

    with reader, writer:
        on_thread(dispatcher, dispatcher.add_reader, reader.fileno(), read)
        writer.send(b"x")
        assert raised.wait(LONG)
        on_thread(dispatcher, lambda: None)
    assert "bad reader" in caplog.text


def test_a_number_whose_file_was_closed_may_be_watched_again(dispatcher: Dispatcher) -> None:
    reader, writer = os.pipe()
    on_thread(dispatcher, dispatcher.add_reader, reader, lambda: None)
    os.close(reader)  # without removing it
    os.close(writer)
    again, writer = os.pipe()
    assert again == reader, "the kernel gives the lowest free number"
    readable = threading.Event()

    def read() -> None:
        dispatcher.remove_reader(again)
        readable.set()

    on_thread(dispatcher, dispatcher.add_reader, again, read)
    os.write(writer, b"x")
    assert readable.wait(LONG)
    os.close(again)
    os.close(writer)


def test_removing_what_is_not_watched_does_nothing(dispatcher: Dispatcher) -> None:
    on_thread(dispatcher, dispatcher.remove_reader, 12345)
    on_thread(dispatcher, dispatcher.remove_writer, 12345)


def test_descriptors_are_for_the_dispatchers_own_thread(dispatcher: Dispatcher) -> None:
    for call in (
        lambda: dispatcher.add_reader(0, lambda: None),
        lambda: dispatcher.remove_reader(0),
        lambda: dispatcher.add_writer(0, lambda: None),
        lambda: dispatcher.remove_writer(0),
    ):
        with pytest.raises(RuntimeError, match="use call_soon"):
            call()


# Sleep.


def test_an_idle_dispatcher_does_not_wake_up(dispatcher: Dispatcher) -> None:
    refs = [dispatcher.spawn(Echo) for _ in range(100)]
    blocking = dispatcher.spawn(BlockingEcho)
    dispatcher.call_later(3600, lambda: None)
    cancelled = dispatcher.call_later(0.05, lambda: None)
    on_thread(dispatcher, cancelled.cancel)
    for ref in [*refs, blocking]:
        ref.ask("awake")
    assert dispatcher.settle(LONG)
    before = (dispatcher.wakeups, dispatcher.turns)
    subprocess.run([sys.executable, "-c", "import json, socket"], check=True)  # time goes by
    assert (dispatcher.wakeups, dispatcher.turns) == before


def test_many_messages_to_a_busy_dispatcher_cost_few_wakeups(dispatcher: Dispatcher) -> None:
    go = threading.Event()
    ref = dispatcher.spawn(Echo)
    ref.ask("awake")
    ref.tell(lambda: go.wait(LONG))
    before = dispatcher.wakeups
    for number in range(10_000):
        ref.tell(number)
    go.set()
    ref.ask("done")
    assert dispatcher.wakeups - before < 10


def test_a_signal_handler_that_raises_while_ringing_does_not_leave_the_thread_asleep(
    dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = dispatcher.spawn(Echo)
    ref.ask("awake")
    assert dispatcher.settle(LONG)
    ring = dispatcher._loop._waker.ring
    interrupted: list[int] = []

    def interrupted_once() -> None:
        if not interrupted:
            interrupted.append(1)
            raise KeyboardInterrupt
        ring()

    monkeypatch.setattr(type(dispatcher._loop._waker), "ring", lambda _self: interrupted_once())
    happened = threading.Event()
    with pytest.raises(KeyboardInterrupt):
        ref.tell(happened.set)
    assert happened.wait(LONG)
    assert ref.ask("and so on") == "and so on"


def test_it_works_the_same_where_there_is_neither_epoll_nor_eventfd(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    reader, writer = socket.socketpair()
    readable = threading.Event()
    with reader, writer, Dispatcher("tests") as dispatcher:
        ref = dispatcher.spawn(Echo)
        assert [ref.ask(number) for number in range(100)] == list(range(100))
        on_thread(dispatcher, dispatcher.add_reader, reader.fileno(), readable.set)
        writer.send(b"x")
        assert readable.wait(LONG)
        on_thread(dispatcher, dispatcher.remove_reader, reader.fileno())
        later = threading.Event()
        dispatcher.call_later(0.01, later.set)
        assert later.wait(LONG)
        assert dispatcher.settle(LONG)
        before = dispatcher.wakeups
        subprocess.run([sys.executable, "-c", "pass"], check=True)  # time goes by
        assert dispatcher.wakeups == before


# The list of actors.


def test_actors_are_listed_in_the_order_of_their_start_until_they_end(
    dispatcher: Dispatcher,
) -> None:
    refs = [dispatcher.spawn(BlockingEcho if n % 2 else Echo) for n in range(6)]
    assert dispatcher.actors() == refs
    assert repr(dispatcher) == "<Dispatcher 'tests': 6 actors>"
    refs[2].stop(timeout=LONG)
    assert dispatcher.actors() == refs[:2] + refs[3:]
    assert dispatcher.get(refs[2].actor_urn) is None
    assert dispatcher.get("urn:uuid:nobody") is None


def test_actors_started_while_all_are_stopped_are_stopped_too(dispatcher: Dispatcher) -> None:
    class Parting(Actor):
        def on_stop(self) -> None:
            self.dispatcher.spawn(Echo)

    dispatcher.spawn(Parting)
    assert dispatcher.stop_all(timeout=LONG) == []
    assert dispatcher.actors() == []


def test_watchers_hear_that_it_was_a_shutdown() -> None:
    heard: list[Terminated] = []

    class Watcher(Actor):
        def __init__(self, ref: ActorRef[Any]) -> None:
            super().__init__()
            self.watch(ref)

        def on_receive(self, message: Terminated) -> None:
            heard.append(message)

    with Dispatcher("outer") as outer:
        with Dispatcher("inner") as inner:
            ref = inner.spawn(Echo)
            outer.spawn(Watcher, ref)
        assert outer.settle(LONG)
    assert heard == [Terminated(ref, Shutdown())]


# Close.


def test_close_stops_all_actors_and_is_idempotent() -> None:
    stopped: list[str] = []

    class Noted(Actor):
        def on_stop(self) -> None:
            stopped.append(type(self).__name__)

    class BlockingNoted(Noted):
        blocking = True

    dispatcher = Dispatcher("tests")
    refs = [dispatcher.spawn(Noted), dispatcher.spawn(BlockingNoted)]
    dispatcher.close()
    dispatcher.close()
    assert stopped == ["BlockingNoted", "Noted"]
    assert not any(ref.is_alive() for ref in refs)
    assert repr(dispatcher) == "<Dispatcher 'tests': closed>"


def test_a_closed_dispatcher_takes_nothing_more() -> None:
    dispatcher = Dispatcher("tests")
    ref = dispatcher.spawn(Echo)
    dispatcher.close()
    for attempt in (
        lambda: dispatcher.spawn(Echo),
        lambda: Echo.start(dispatcher=dispatcher),
        lambda: dispatcher.call_soon(print),
        lambda: dispatcher.call_later(1, print),
    ):
        with pytest.raises(DispatcherClosedError, match="'tests' is closed"):
            attempt()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("anybody?")
    assert dispatcher.actors() == []
    assert dispatcher.stop_all(timeout=LONG) == []


def test_what_was_called_before_close_still_happens() -> None:
    dispatcher = Dispatcher("tests")
    happened: list[int] = []
    for number in range(100):
        dispatcher.call_soon(happened.append, number)
    dispatcher.close()
    assert happened == list(range(100))


def test_close_ends_an_actor_that_never_comes_to_its_stop_message() -> None:
    class Restless(Actor):
        def on_receive(self, message: object) -> None:
            for _ in range(3):
                self.actor_ref.tell(message)

    dispatcher = Dispatcher("tests")
    ref = dispatcher.spawn(Restless)
    future = ref.ask("and again", block=False)
    assert future.get(timeout=LONG) is None
    dispatcher.close(timeout=0.1)
    assert not ref.is_alive()


def test_close_leaves_a_stuck_handler_behind_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    release, holding = threading.Event(), threading.Event()
    dispatcher = Dispatcher("tests")
    stuck = dispatcher.spawn(BlockingEcho)
    shared = dispatcher.spawn(Echo)

    def hold() -> None:
        holding.set()
        release.wait(LONG)

    stuck.tell(hold)
    assert holding.wait(LONG)
    waiting = stuck.ask("too late", block=False)
    dispatcher.close(timeout=0.1)
    assert not shared.is_alive()
    assert "stuck in" in caplog.text
    assert "BlockingEcho" in caplog.text
    with pytest.raises(pykka.ActorDeadError):
        waiting.get(timeout=LONG)
    with pytest.raises(pykka.ActorDeadError):
        stuck.tell("fenced")
    release.set()
    assert stuck.actor_stopped.wait(LONG)
    assert stuck.cell.reason == Killed() or stuck.cell.reason == Shutdown()


def test_close_on_its_own_thread_is_refused(dispatcher: Dispatcher) -> None:
    for call in (dispatcher.close, dispatcher.stop_all):
        with pytest.raises(WouldBlockError):
            on_thread(dispatcher, call)


def test_close_in_several_threads_at_once() -> None:
    dispatcher = Dispatcher("tests")
    for _ in range(20):
        dispatcher.spawn(Echo)
    threads = [threading.Thread(target=dispatcher.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dispatcher.actors() == []


def test_many_dispatchers_leave_no_thread_and_no_descriptor() -> None:
    threads = threading.active_count()
    descriptors = len(os.listdir("/dev/fd"))
    for _ in range(30):
        with Dispatcher("tests") as dispatcher:
            dispatcher.spawn(Echo).tell("x")
            dispatcher.spawn(BlockingEcho).tell("x")
    assert threading.active_count() == threads
    assert len(os.listdir("/dev/fd")) == descriptors


def test_without_a_thread_to_be_had_nothing_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, dispatcher: Dispatcher
) -> None:
    def refuse(_self: object) -> None:
        raise RuntimeError("can't start new thread")

    descriptors = len(os.listdir("/dev/fd"))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        Dispatcher("tests")
    with pytest.raises(RuntimeError, match="new thread"):
        dispatcher.spawn(BlockingEcho)
    monkeypatch.undo()
    assert dispatcher.actors() == []
    assert len(os.listdir("/dev/fd")) == descriptors


# Several, and forks.


def test_the_random_source_is_the_dispatchers_own() -> None:
    import random

    with Dispatcher("a", random=random.Random(7)) as a, Dispatcher("b") as b:
        assert a.random.random() == random.Random(7).random()
        assert a.random is not b.random


FORK = """
import os, sys, threading
import pykka
from actorch.actors._actor import Actor
from actorch.actors._dispatcher import Dispatcher
from actorch.actors._errors import DispatcherClosedError

class Echo(Actor):
    def on_receive(self, message):
        return message() if callable(message) else message

def check():
    "Runs in the child; raises if the parent's dispatcher is not closed there."
    assert not ref.is_alive() and dispatcher.actors() == []
    for attempt in (lambda: dispatcher.spawn(Echo), lambda: dispatcher.call_soon(print)):
        try:
            attempt()
        except DispatcherClosedError:
            pass
        else:
            raise AssertionError("not closed")
    try:
        ref.tell("anybody?")
    except pykka.ActorDeadError:
        pass
    else:
        raise AssertionError("not dead")
    ref.kill()
    dispatcher.close()
    assert threading.active_count() == 1
    with Dispatcher("of the child") as other:
        assert other.spawn(Echo).ask("works") == "works"

def fork():
    child = os.fork()
    if child == 0:
        code = 1
        try:
            check()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

descriptors = len(os.listdir("/dev/fd"))
dispatcher = Dispatcher("parent")
ref = dispatcher.spawn(Echo)
reader, writer = os.pipe()
ready = threading.Event()
dispatcher.call_soon(dispatcher.add_reader, reader, ready.set)
assert ref.ask(1) == 1
assert fork() == 0
assert ref.ask(fork) == 0, "from a handler, on the thread itself"
assert ref.ask(2) == 2, "the parent's goes on"
os.write(writer, b"x")
assert ready.wait(20), "and still watches its descriptors"
dispatcher.close()
"""


@pytest.mark.filterwarnings("ignore")
def test_in_a_forked_child_the_dispatcher_is_closed_and_the_parents_goes_on() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK],
        timeout=LONG,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
