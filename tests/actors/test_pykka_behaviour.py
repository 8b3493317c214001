"""What pykka promises its users holds for our actors: on the shared thread and on their own."""

import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest
from pykka.messages import ProxyCall

from actorch.actors._actor import Actor
from actorch.actors._dispatcher import Dispatcher
from actorch.actors._reasons import Crashed
from actorch.actors._ref import ActorRef
from actorch.actors.testing import assert_terminated

LONG = 20.0


class Playback:
    pykka_traversable = True

    def __init__(self) -> None:
        self.volume = 3

    def play(self, times: int) -> int:
        return times * self.volume


@pykka.traversable
class Library:
    shelf = "upper"


class Sample(Actor):
    """Does a bit of everything, and writes down what happens to it."""

    colour = "red"
    _private = "not for proxies"
    library = Library()

    def __init__(self, *greetings: str, events: dict[str, threading.Event] | None = None) -> None:
        super().__init__()
        self.greetings = greetings
        self.playback = Playback()
        self.seen: list[object] = []
        self.threads: list[int] = []
        self.events = events or {}

    def on_start(self) -> None:
        self._happened("on_start")

    def on_stop(self) -> None:
        self._happened("on_stop")

    def on_failure(self, *exc_info: Any) -> None:
        self.failure = exc_info
        self._happened("on_failure")

    def _happened(self, what: str) -> None:
        self.threads.append(threading.get_ident())
        if what in self.events:
            self.events[what].set()

    def on_receive(self, message: object) -> object:
        self.threads.append(threading.get_ident())
        if callable(message):
            return message()
        self.seen.append(message)
        return message

    def double(self, number: int, *, plus: int = 0) -> int:
        return number * 2 + plus

    def everything_seen(self) -> list[object]:
        return list(self.seen)

    def raise_it(self, error: BaseException) -> None:
        raise error

    def deferred(self) -> pykka.Future[int]:
        return self.actor_ref.proxy().double(21)

    def tell_self(self, message: object) -> None:
        self.actor_ref.tell(message)
        self.seen.append("after the tell")


class BlockingSample(Sample):
    blocking = True


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    with Dispatcher("tests") as dispatcher:
        yield dispatcher


@pytest.fixture(params=[Sample, BlockingSample], ids=["shared thread", "own thread"])
def sample(request: pytest.FixtureRequest) -> type[Sample]:
    return request.param


@pytest.fixture
def ref(dispatcher: Dispatcher, sample: type[Sample]) -> ActorRef[Sample]:
    return dispatcher.spawn(sample)


def event_of(dispatcher: Dispatcher, sample: type[Sample], name: str) -> Any:
    event = threading.Event()
    return dispatcher.spawn(sample, events={name: event}), event


# Messages.


def test_an_answer_is_what_the_handler_returned(ref: ActorRef[Sample]) -> None:
    assert ref.ask("ping") == "ping"


def test_an_ask_that_does_not_block_gives_a_future(ref: ActorRef[Sample]) -> None:
    future = ref.ask("ping", block=False)
    assert isinstance(future, pykka.Future)
    assert future.get(timeout=LONG) == "ping"
    assert future.get(timeout=LONG) == "ping"


def test_messages_of_one_sender_are_handled_in_the_order_sent(ref: ActorRef[Sample]) -> None:
    for number in range(5000):
        ref.tell(number)
    assert ref.proxy().everything_seen().get(timeout=LONG) == list(range(5000))


def test_many_senders_keep_their_own_order_and_none_runs_beside_another(
    dispatcher: Dispatcher, ref: ActorRef[Sample]
) -> None:
    def send(sender: int) -> None:
        for number in range(500):
            ref.tell((sender, number))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = ref.proxy().everything_seen().get(timeout=LONG)
    assert len(seen) == 4000
    for sender in range(8):
        assert [number for who, number in seen if who == sender] == list(range(500))


def test_a_message_to_oneself_waits_until_the_handler_is_done(ref: ActorRef[Sample]) -> None:
    ref.proxy().tell_self("told").get(timeout=LONG)
    assert ref.proxy().everything_seen().get(timeout=LONG) == ["after the tell", "told"]


def test_all_of_an_actor_but_its_constructor_runs_on_one_thread_that_is_not_the_callers(
    ref: ActorRef[Sample],
) -> None:
    ref.ask("a")
    ref.tell("b")
    threads = ref.proxy().threads.get(timeout=LONG)
    assert len(set(threads)) == 1
    assert threading.get_ident() not in threads


def test_an_unexpected_message_is_logged_by_the_default_handler(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    class Silent(Actor):
        pass

    ref = dispatcher.spawn(Silent)
    assert ref.ask("what is this") is None
    assert "what is this" in caplog.text


def test_a_pykka_message_can_be_sent_without_a_proxy(ref: ActorRef[Sample]) -> None:
    call = ProxyCall(attr_path=("double",), args=(4,), kwargs={"plus": 1})
    assert ref.ask(call) == 9


# Birth.


def test_arguments_of_spawn_reach_the_constructor(
    dispatcher: Dispatcher, sample: type[Sample]
) -> None:
    ref = dispatcher.spawn(sample, "hello", "hi")
    assert ref.proxy().greetings.get(timeout=LONG) == ("hello", "hi")


def test_start_is_spawn_for_those_who_know_pykka(
    dispatcher: Dispatcher, sample: type[Sample]
) -> None:
    ref = sample.start("hello", dispatcher=dispatcher)
    assert ref in dispatcher.actors()
    assert ref.proxy().greetings.get(timeout=LONG) == ("hello",)


def test_starting_without_a_dispatcher_says_what_to_do(sample: type[Sample]) -> None:
    with pytest.raises(TypeError, match=r"needs a dispatcher .*dispatcher\.spawn"):
        sample.start()
    with pytest.raises(TypeError, match=r"needs a dispatcher .*dispatcher\.spawn"):
        sample()


def test_on_start_runs_before_the_first_message(
    dispatcher: Dispatcher, sample: type[Sample]
) -> None:
    ref, started = event_of(dispatcher, sample, "on_start")
    assert ref.ask(started.is_set) is True


def test_a_constructor_may_hand_out_the_ref_and_use_the_dispatcher(dispatcher: Dispatcher) -> None:
    class Early(Actor):
        def __init__(self) -> None:  # does not even call super
            self.seen: list[object] = [self.dispatcher.name]
            self.actor_ref.tell("from the constructor")

        def on_start(self) -> None:
            self.seen.append("on_start")

        def on_receive(self, message: object) -> None:
            self.seen.append(message)

    ref = dispatcher.spawn(Early)
    seen = ref.proxy().seen.get(timeout=LONG)
    assert seen == ["tests", "on_start", "from the constructor"]


def test_urns_differ_and_lead_to_the_actor(dispatcher: Dispatcher, sample: type[Sample]) -> None:
    refs = [dispatcher.spawn(sample) for _ in range(20)]
    assert len({ref.actor_urn for ref in refs}) == 20
    for ref in refs:
        assert ref.actor_urn.startswith("urn:uuid:")
        assert ref.proxy().actor_urn.get(timeout=LONG) == ref.actor_urn
        assert dispatcher.get(ref.actor_urn) is ref


def test_names_of_actor_and_ref_show_class_and_urn(
    dispatcher: Dispatcher, ref: ActorRef[Sample]
) -> None:
    assert str(ref) == f"{ref.actor_class.__name__} ({ref.actor_urn})"
    assert ref.proxy().__class__ is pykka.ActorProxy
    ref.ask("x")
    assert repr(ref) == f"<ActorRef for {ref}: running, 0 waiting>"
    ref.stop(timeout=LONG)
    assert repr(ref) == f"<ActorRef for {ref}: Normal()>"


def test_the_inbox_of_pykka_is_there(ref: ActorRef[Sample]) -> None:
    from pykka._envelope import Envelope

    reply: pykka.Future[object] = ref.actor_class._create_future()
    ref.actor_inbox.put(Envelope("through the inbox", reply_to=reply))
    assert reply.get(timeout=LONG) == "through the inbox"
    assert ref.actor_inbox.empty()


# Death.


def test_stop_handles_what_was_sent_before_and_nothing_after(ref: ActorRef[Sample]) -> None:
    go = threading.Event()
    ref.tell(lambda: go.wait(LONG))
    before = ref.ask("before", block=False)
    stopped = ref.stop(block=False)
    after = ref.ask("after", block=False)
    go.set()
    assert before.get(timeout=LONG) == "before"
    assert stopped.get(timeout=LONG) is True
    with pytest.raises(pykka.ActorDeadError):
        after.get(timeout=LONG)


def test_stop_says_whether_there_was_anything_to_stop(ref: ActorRef[Sample]) -> None:
    assert ref.stop(timeout=LONG) is True
    assert ref.stop(timeout=LONG) is False
    assert ref.stop(block=False).get(timeout=LONG) is False


def test_an_actor_stops_itself_after_the_messages_it_has(
    dispatcher: Dispatcher, sample: type[Sample]
) -> None:
    ref, stopped = event_of(dispatcher, sample, "on_stop")
    actor = ref.proxy()
    actor.stop()
    assert stopped.wait(LONG)
    assert ref.actor_stopped.wait(LONG)
    assert ref.actor_stopped.is_set()


def test_a_told_pykka_stop_ends_the_actor(dispatcher: Dispatcher, sample: type[Sample]) -> None:
    from pykka.messages import _ActorStop

    ref = dispatcher.spawn(sample)
    assert ref.ask(_ActorStop()) is None
    assert not ref.is_alive()


def test_on_stop_has_run_when_stop_returns(dispatcher: Dispatcher, sample: type[Sample]) -> None:
    ref, stopped = event_of(dispatcher, sample, "on_stop")
    ref.stop(timeout=LONG)
    assert stopped.is_set()
    assert not ref.is_alive()


def test_telling_the_dead_raises_and_asking_them_gives_a_future_that_does(
    ref: ActorRef[Sample],
) -> None:
    ref.stop(timeout=LONG)
    with pytest.raises(pykka.ActorDeadError, match="not found"):
        ref.tell("anybody there?")
    future = ref.ask("anybody there?", block=False)
    with pytest.raises(pykka.ActorDeadError, match="not found"):
        future.get(timeout=LONG)
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("anybody there?")
    with pytest.raises(pykka.ActorDeadError):
        ref.proxy()


def test_on_failure_is_given_what_was_raised(dispatcher: Dispatcher, sample: type[Sample]) -> None:
    ref, failed = event_of(dispatcher, sample, "on_failure")
    actor = ref._actor_weakref()
    error = ValueError("told")
    ref.proxy().raise_it.defer(error)
    assert failed.wait(LONG)
    assert actor.failure[:2] == (ValueError, error)
    assert actor.failure[2] is not None


def test_on_stop_does_not_run_after_a_failure(dispatcher: Dispatcher, sample: type[Sample]) -> None:
    ref, stopped = event_of(dispatcher, sample, "on_stop")
    ref.proxy().raise_it.defer(ValueError("told"))
    assert_terminated(ref, Crashed)
    assert not stopped.is_set()


def test_an_error_in_on_stop_is_logged_and_the_actor_ends(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    class Clumsy(Actor):
        def on_stop(self) -> None:
            raise ValueError("dropped it")

    assert dispatcher.spawn(Clumsy).stop(timeout=LONG) is True
    assert "dropped it" in caplog.text


def test_an_error_in_on_failure_is_logged_and_the_actor_ends(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    class Clumsy(Actor):
        def on_receive(self, message: object) -> None:
            raise ValueError("first")

        def on_failure(self, *exc_info: object) -> None:
            raise ValueError("second")

    ref = dispatcher.spawn(Clumsy)
    ref.tell("go")
    assert str(assert_terminated(ref, Crashed).exception) == "first"
    assert "first" in caplog.text
    assert "second" in caplog.text


def test_all_are_stopped_in_the_reverse_of_the_order_they_were_started_in(
    dispatcher: Dispatcher,
) -> None:
    order: list[int] = []

    class Ordered(Actor):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        def on_stop(self) -> None:
            order.append(self.number)

    class BlockingOrdered(Ordered):
        blocking = True

    for number in range(10):
        dispatcher.spawn(BlockingOrdered if number % 3 else Ordered, number)
    assert dispatcher.stop_all(timeout=LONG) == []
    assert order == list(range(9, -1, -1))


# Proxies.


def test_a_proxy_calls_methods_and_gives_futures(ref: ActorRef[Sample]) -> None:
    proxy = ref.proxy()
    assert proxy.double(3, plus=1).get(timeout=LONG) == 7
    assert pykka.ActorProxy(actor_ref=ref).double(3).get(timeout=LONG) == 6
    assert pykka.get_all([proxy.double(n) for n in range(3)], timeout=LONG) == [0, 2, 4]


def test_a_proxy_reads_and_sets_attributes(ref: ActorRef[Sample]) -> None:
    proxy = ref.proxy()
    assert proxy.colour.get(timeout=LONG) == "red"
    proxy.colour = "blue"
    assert proxy.colour.get(timeout=LONG) == "blue"
    proxy.brand_new = 1
    assert proxy.brand_new.get(timeout=LONG) == 1


def test_a_proxy_knows_what_there_is(ref: ActorRef[Sample]) -> None:
    proxy = ref.proxy()
    assert "double" in dir(proxy)
    assert "_private" not in dir(proxy)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = proxy.nonsense
    assert str(ref.actor_urn) in repr(proxy)
    assert proxy == ref.proxy()
    assert hash(proxy) == hash(ref.proxy())


def test_a_proxy_reaches_into_what_is_marked_as_traversable(ref: ActorRef[Sample]) -> None:
    proxy = ref.proxy()
    assert proxy.playback.play(2).get(timeout=LONG) == 6
    proxy.playback.volume = 5
    assert proxy.playback.volume.get(timeout=LONG) == 5
    assert proxy.library.shelf.get(timeout=LONG) == "upper"


def test_a_deferred_call_sends_no_answer(ref: ActorRef[Sample]) -> None:
    proxy = ref.proxy()
    assert proxy.on_receive.defer("deferred") is None
    assert proxy.everything_seen().get(timeout=LONG) == ["deferred"]


def test_a_method_may_return_a_future(ref: ActorRef[Sample]) -> None:
    inner = ref.proxy().deferred().get(timeout=LONG)
    assert inner.get(timeout=LONG) == 42


def test_a_proxy_to_oneself_schedules_work_for_oneself(dispatcher: Dispatcher) -> None:
    class Counter(Actor):
        def __init__(self, done: threading.Event) -> None:
            super().__init__()
            self._later = self.actor_ref.proxy()
            self.done = done
            self.counted = 0

        def count(self, number: int) -> None:
            self.counted += 1
            if number:
                self._later.count.defer(number - 1)
            else:
                self.done.set()

    done = threading.Event()
    ref = dispatcher.spawn(Counter, done)
    ref.proxy().count(500)
    assert done.wait(LONG)
    assert ref.proxy().counted.get(timeout=LONG) == 501


def test_actors_ask_each_other(dispatcher: Dispatcher) -> None:
    class Front(Actor):
        blocking = True

        def __init__(self, back: ActorRef[Any]) -> None:
            super().__init__()
            self.back = back

        def on_receive(self, message: object) -> object:
            return ("front", self.back.ask(message, timeout=LONG))

    assert dispatcher.spawn(Front, dispatcher.spawn(Sample)).ask("m") == ("front", "m")
