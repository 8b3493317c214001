"""How supervisors themselves end, what their children learn of their past, and nested trees."""

import functools
import random
import threading

import pykka
import pytest

from actorch.actors import (
    Actor,
    BudgetExceeded,
    ChildError,
    Crashed,
    Killed,
    MailboxFullError,
    Shutdown,
    StartFailed,
    TooManyChildrenError,
)
from actorch.supervisors import (
    Budget,
    ChildSpec,
    DynamicSupervisor,
    RestartBackoff,
    Supervisor,
    start_supervisor,
)
from groves import (
    AT_ONCE,
    CEILING,
    DefectError,
    Grove,
    Held,
    Holder,
    Part,
    gate,
    state_of,
    states,
)


@pytest.fixture
def grove():
    grove = Holder()
    yield grove
    grove.close()


class Busy(Actor):
    """Keeps the shared thread in a handler until it is released."""

    def __init__(self, arrived, release):
        super().__init__()
        self.arrived = arrived
        self.release = release

    def on_receive(self, _message):
        self.arrived.set()
        self.release.wait(CEILING)


def test_who_waits_for_a_supervisor_that_is_killed_before_it_begins_is_told(grove):
    arrived, release = threading.Event(), threading.Event()
    grove.dispatcher.spawn(Busy, arrived, release).tell("hold")
    assert arrived.wait(CEILING)
    started = start_supervisor(grove.dispatcher, Supervisor(grove.children("a")), block=False)
    grove.dispatcher.actors()[-1].kill()
    release.set()
    with pytest.raises(pykka.ActorDeadError, match="before its children had started"):
        started.get(timeout=CEILING)
    assert grove.take() == ""


class UnluckyRandom(random.Random):
    def uniform(self, *_range):
        raise DefectError

    def random(self):
        raise DefectError


def test_a_crash_in_the_supervisor_itself_leaves_no_child_alive_and_is_its_reason():
    grove = Grove(random=UnluckyRandom())
    try:
        supervisor = grove.start(children=grove.children("abc", backoff=RestartBackoff()))
        grove.stopping["c"] = gate()
        grove.crash(supervisor.child("b"))
        assert grove.take() == "xb -c -a"
        assert supervisor.is_alive()
        grove.stopping["c"].set(None)
        assert isinstance(supervisor.wait(CEILING), Crashed)
        assert grove.dispatcher.actors() == []
    finally:
        grove.close()


def test_a_crash_in_an_inner_supervisor_is_for_the_outer_one_to_answer():
    grove = Grove(random=UnluckyRandom())
    try:
        inner = Supervisor(grove.children("ab", backoff=RestartBackoff()), name="inner")
        outer = grove.start(children=[ChildSpec("inner", inner, backoff=AT_ONCE)])
        ref = outer.child("inner")
        grove.crash(ref.child("a"))
        assert grove.take() == "xa -b +a +b"
        assert ref.incarnation == 2
        assert isinstance(state_of(outer, "inner").last_exit, Crashed)
    finally:
        grove.close()


def nested(grove, **rest):
    """b inside of inner inside of middle inside of top, each with a sibling on both sides."""
    inner = Supervisor(grove.children("abc"), name="inner", **rest)
    middle = [grove.child("d"), ChildSpec("inner", inner, backoff=AT_ONCE), grove.child("e")]
    top = [
        grove.child("f"),
        ChildSpec("middle", Supervisor(middle, "one_for_all"), backoff=AT_ONCE),
        grove.child("g"),
    ]
    return Supervisor(top, "rest_for_one", name="top")


def test_what_exceeds_the_innermost_budget_restarts_what_depends_on_it_and_nobody_else(grove):
    top = grove.start(nested(grove, child_budget=Budget(1, 60)))
    inner = top.child("middle").child("inner")
    grove.crash(inner.child("b"))
    assert grove.take() == "xb +b"
    grove.crash(inner.child("b"))
    assert grove.take() == "xb -c -a -e -d +d +a +b +c +e"
    told = state_of(top.child("middle"), "inner").last_exit
    assert isinstance(told, BudgetExceeded)
    assert (told.child, told.restarts) == ("b", 1)
    assert (top.child("middle").incarnation, inner.incarnation) == (1, 2)


def test_budgets_that_are_exceeded_all_the_way_up_end_the_tree(grove):
    deep = Supervisor(grove.children("a"), child_budget=Budget(0, 60), name="deep")
    inner = Supervisor([ChildSpec("deep", deep, budget=Budget(0, 60))], name="inner")
    top = grove.start(Supervisor([ChildSpec("inner", inner, budget=Budget(0, 60))]))
    grove.crash(top.child("inner").child("deep").child("a"))
    reason = top.wait(CEILING)
    assert reason.abnormal
    assert (reason.child, reason.last.child, reason.last.last.child) == ("inner", "deep", "a")
    assert grove.dispatcher.actors() == []


def test_an_inner_supervisor_that_finished_its_work_is_not_started_again(grove):
    inner = Supervisor([grove.child("a", significant=True)], auto_shutdown="all_significant")
    top = grove.start(children=[ChildSpec("inner", inner)])
    top.child("inner").child("a").stop(timeout=CEILING)
    grove.settle()
    assert states(top) == {"inner": "ended"}
    assert state_of(top, "inner").last_exit == Shutdown()


def test_an_inner_supervisor_whose_restart_fails_is_tried_again_and_each_try_counts(grove):
    inner = Supervisor(grove.children("ab"), child_budget=Budget(0, 60))
    top = grove.start(children=[ChildSpec("inner", inner, backoff=AT_ONCE)])
    grove.failing["b"] = 2
    grove.crash(top.child("inner").child("a"))
    assert grove.take() == "xa -b +a !b xb -a +a !b xb -a +a +b"
    told = state_of(top, "inner")
    assert (told.state, told.restarts, told.incarnation) == ("running", 3, 4)
    assert isinstance(told.last_exit, StartFailed)


def test_the_factory_learns_of_the_past_and_health_makes_a_bystander_new(grove):
    seen = []

    def factory(context):
        seen.append((context.incarnation, context.attempt, type(context.last_exit).__name__))
        return functools.partial(Part, "b", grove)

    backoff = RestartBackoff(min=0, max=0, reset_after=10)
    specs = [grove.child("a"), ChildSpec("b", factory, backoff=backoff)]
    supervisor = grove.start(Supervisor(specs, "one_for_all"))
    grove.crash(supervisor.child("b"))
    grove.crash(supervisor.child("b"))
    grove.crash(supervisor.child("a"))
    assert seen == [(1, 1, "NoneType"), (2, 2, "Crashed"), (3, 3, "Crashed"), (4, 3, "Shutdown")]
    grove.clock.advance(10)
    grove.crash(supervisor.child("a"))
    assert seen[4:] == [(5, 1, "Shutdown")]
    assert state_of(supervisor, "b").restarts == 0


def test_what_is_told_while_a_child_is_restarted_reaches_the_next_one_in_order(grove):
    backoff = RestartBackoff(min=5, max=5, jitter="none")
    supervisor = grove.start(Supervisor([grove.child("a", backoff=backoff)], stash=3))
    ref = supervisor.child("a")
    grove.crash(ref)
    for number in range(5):
        ref.tell(number)
    with pytest.raises(MailboxFullError):
        ref.ask("more", timeout=CEILING)
    assert ref.is_alive()
    grove.clock.advance(5)
    assert ref.ask("last", timeout=CEILING) == [0, 1, 2, "last"]
    assert supervisor.child("a") == ref
    assert [(one.message, one.reason) for one in grove.dead] == [
        (3, "stash full"),
        (4, "stash full"),
        ("more", "stash full"),
    ]


def test_who_watches_hears_of_the_final_end_once_and_of_no_restart(grove):
    supervisor = grove.start(Supervisor(grove.children("a"), child_budget=Budget(1, 60, "stop")))
    ref = supervisor.child("a")
    watcher = grove.watch(ref)
    grove.crash(ref)
    assert watcher.ask("heard", timeout=CEILING) == []
    grove.crash(ref)
    (heard,) = watcher.ask("heard", timeout=CEILING)
    assert heard.ref == ref
    assert isinstance(heard.reason, BudgetExceeded)
    (late,) = grove.watch(ref).ask("heard", timeout=CEILING)
    assert late == heard
    new = supervisor.restart_child("a", timeout=CEILING)
    assert new != ref
    assert len(watcher.ask("heard", timeout=CEILING)) == 1


def test_pykkas_own_actors_are_supervised_as_they_are(grove):
    failures = []

    class Plain(pykka.ThreadingActor):
        def __init__(self, size):
            super().__init__()
            self.size = size

        def grow(self):
            self.size += 1
            return self.size

        def fail(self):
            raise DefectError

        def on_failure(self, *error):
            failures.append(error[0])

    supervisor = grove.start(children=[ChildSpec("p", Plain, kwargs={"size": 1}, backoff=AT_ONCE)])
    ref = supervisor.child("p")
    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) == ref
    proxy = ref.proxy()
    assert (proxy.grow().get(timeout=CEILING), proxy.size.get(timeout=CEILING)) == (2, 2)
    with pytest.raises(DefectError):
        proxy.fail().get(timeout=CEILING)
    grove.settle()
    assert failures == [DefectError]
    assert (ref.incarnation, proxy.size.get(timeout=CEILING)) == (2, 1)
    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) == ref
    supervisor.stop(timeout=CEILING)
    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) is None


def test_the_supervisor_answers_while_a_blocking_child_does_not_come_up(grove):
    supervisor = grove.start()
    grove.will_hold("start", "h")
    started = supervisor.start_child(grove.child("h", Held), block=False)
    grove.caught("start", "h")
    assert states(supervisor)["h"] == "starting"
    assert supervisor.count_children().active == 4
    assert supervisor.terminate_child("a", timeout=CEILING) == Shutdown()
    assert not started.done()
    grove.release()
    assert started.get(timeout=CEILING) == supervisor.child("h")


def test_a_killed_supervisor_gives_a_stuck_child_up_and_says_where_it_is(grove, caplog):
    supervisor = grove.start(children=[grove.child("a"), grove.child("h", Held)])
    grove.will_hold("stop", "h")
    supervisor.kill()
    grove.caught("stop", "h")
    grove.clock.advance(4.9, patience=0.05)
    assert supervisor.is_alive()
    grove.clock.advance(0.2, patience=0.05)
    assert supervisor.wait(CEILING) == Killed()
    (report,) = [one.getMessage() for one in caplog.records if "stuck" in one.getMessage()]
    assert "in hold" in report


def test_the_children_of_a_dynamic_supervisor_stop_side_by_side_and_their_places_are_free(grove):
    pool = grove.start(DynamicSupervisor(max_children=2))
    for name in "ab":
        pool.start_child(grove.child(name), timeout=CEILING)
    with pytest.raises(TooManyChildrenError):
        pool.start_child(grove.child("c"), timeout=CEILING)
    pool.terminate_child("a", timeout=CEILING)
    with pytest.raises(ChildError, match="'a'"):
        pool.restart_child("a", timeout=CEILING)
    pool.start_child(grove.child("c"), timeout=CEILING)
    grove.take()
    grove.stopping.update(b=gate(), c=gate())
    ended = pool.stop(block=False)
    assert grove.take() == "-c -b"
    assert not ended.done()
    for one in grove.stopping.values():
        one.set(None)
    assert ended.get(timeout=CEILING)


def test_what_hears_of_dead_letters_may_raise_and_the_tree_goes_on():
    def hear(_letter):
        raise DefectError

    grove = Grove(on_dead_letter=hear)
    try:
        backoff = RestartBackoff(min=5, max=5, jitter="none")
        supervisor = grove.start(Supervisor([grove.child("a", backoff=backoff)], stash=0))
        ref = supervisor.child("a")
        grove.crash(ref)
        ref.tell("lost")
        grove.clock.advance(5)
        assert ref.ask("kept", timeout=CEILING) == ["kept"]
    finally:
        grove.close()
