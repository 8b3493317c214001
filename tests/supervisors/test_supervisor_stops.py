"""How long a child has to end, and what becomes of one that does not."""

import logging
import threading

import pytest

from actorch.actors import Future, Killed, Shutdown
from actorch.actors.testing import assert_terminated
from actorch.supervisors import INFINITY
from trees_of_actors import LONG, Stage, Worker, stage, states


@pytest.fixture
def on():
    with stage() as made:
        yield made


class Slow(Worker):
    """Ends once somebody lets it."""

    def __init__(self, name, log, fails=()):
        super().__init__(name, log, fails)
        self.done = Future[None]()

    def on_stop_request(self, reason):
        self.log.append(f"asked {self.name}")
        return True

    def on_receive(self, message):
        if message == "let go":
            self.leave(Shutdown())
        return super().on_receive(message)


def test_independent_children_have_their_grace_side_by_side(on: Stage) -> None:
    supervisor = on.supervise(*[on.child(name, Slow) for name in "abc"])
    refs = [supervisor.child(name) for name in "abc"]
    on.pass_()
    supervisor.stop(block=False)
    assert on.pass_() == ["asked c", "asked b", "asked a"]
    for ref in refs:
        ref.tell("let go")
    assert sorted(on.pass_()) == ["stop a", "stop b", "stop c"]
    assert not supervisor.is_alive()


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_dependent_children_are_asked_one_after_the_other(on: Stage, strategy) -> None:
    supervisor = on.supervise(*[on.child(name, Slow) for name in "abc"], strategy=strategy)
    refs = {name: supervisor.child(name) for name in "abc"}
    on.pass_()
    supervisor.stop(block=False)
    assert on.pass_() == ["asked c"]
    refs["c"].tell("let go")
    assert on.pass_() == ["stop c", "asked b"]
    refs["b"].tell("let go")
    assert on.pass_() == ["stop b", "asked a"]
    refs["a"].tell("let go")
    assert on.pass_() == ["stop a"]
    assert not supervisor.is_alive()


def test_who_has_not_ended_in_time_is_killed(on: Stage) -> None:
    supervisor = on.supervise(on.child("a", Slow, shutdown=3.0), on.child("b", Slow))
    refs = [supervisor.child(name) for name in "ab"]
    on.pass_()
    supervisor.stop(block=False)
    assert on.pass_(2.9) == ["asked b", "asked a"]
    assert on.pass_(0.1) == ["stop a"]
    assert supervisor.is_alive()
    assert on.pass_(2.0) == ["stop b"]
    for ref in refs:
        assert_terminated(ref, Killed)
    assert not supervisor.is_alive()


def test_one_may_have_for_ever(on: Stage) -> None:
    supervisor = on.supervise(on.child("a", Slow, shutdown=INFINITY))
    ref = supervisor.child("a")
    on.pass_()
    supervisor.stop(block=False)
    assert on.pass_(1_000_000.0) == ["asked a"]
    ref.tell("let go")
    assert on.pass_() == ["stop a"]


def test_one_that_is_stuck_is_given_up_with_its_stack_and_the_tree_goes_on(
    on: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, gate = threading.Event(), threading.Event()

    class Blocked(Worker):
        blocking = True

        def on_receive(self, message):
            if message == "block":
                self.wait_for_what_never_comes()
            return super().on_receive(message)

        def wait_for_what_never_comes(self):
            stuck.set()
            gate.wait(LONG)

    supervisor = on.supervise(on.child("a"), on.child("b", Blocked), strategy="one_for_all")
    ref = supervisor.child("b")
    ref.tell("block")
    assert stuck.wait(LONG)
    supervisor.child("a").tell("crash")
    on.clock.advance(1.0, patience=0.1)
    assert states(supervisor) == {"a": "waiting", "b": "stopping"}
    on.clock.advance(4.0, patience=0.1)  # 5 s to end in
    on.clock.advance(5.0, patience=0.1)  # 5 s after it was killed
    assert ref.ask("x", timeout=LONG) == ("b", 2, "x")
    [record] = [one for one in caplog.records if "stuck" in one.message]
    assert record.levelno == logging.ERROR
    assert "wait_for_what_never_comes" in record.message
    gate.set()


def test_a_child_may_end_itself_through_its_supervisor(on: Stage) -> None:
    class Quits(Worker):
        def on_receive(self, message):
            return message.terminate_child(self.name, block=False)

    supervisor = on.supervise(on.child("a", Quits), "b")
    order = supervisor.child("a").ask(supervisor)
    on.pass_()
    assert order.get(timeout=LONG) == Shutdown()
    assert states(supervisor) == {"a": "ended", "b": "running"}
