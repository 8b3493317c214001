"""Who stops, who starts, and in which order: histories of supervisors as data."""

import pytest

from actorch.actors import ChildStartError, Normal, Shutdown, StartFailed
from actorch.supervisors import ChildSpec, Supervisor, start_supervisor
from groves import CEILING, DefectError, Grove, gate, state_of, states


@pytest.fixture
def grove():
    grove = Grove()
    yield grove
    grove.close()


ONE, ALL, REST = "one_for_one", "one_for_all", "rest_for_one"

HISTORIES = [
    # strategy, children ("a*" is permanent, "a~" temporary), who fails how, what happens then
    (ONE, "a b c", "b!", "xb +b"),
    (ONE, "a b c", "b.", "-b"),
    (ONE, "a b* c", "b.", "-b +b"),
    (ONE, "a b~ c", "b!", "xb"),
    (ONE, "a b c", "b! c! a!", "xb +b xc +c xa +a"),
    (ONE, "a b c", "b!!", "xb !b xb +b"),
    (ALL, "a b c", "b!", "xb -c -a +a +b +c"),
    (ALL, "a b c", "a!", "xa -c -b +a +b +c"),
    (ALL, "a b c", "c!", "xc -b -a +a +b +c"),
    (ALL, "a b c", "b.", "-b"),
    (ALL, "a b* c", "b.", "-b -c -a +a +b +c"),
    (ALL, "a b~ c", "b!", "xb"),
    (ALL, "a~ b c", "b!", "xb -c -a +b +c"),
    (ALL, "a b c", "b. c!", "-b xc -a +a +c"),
    (ALL, "a b c", "b!!", "xb -c -a +a !b xb -a +a +b +c"),
    (REST, "a b c", "a!", "xa -c -b +a +b +c"),
    (REST, "a b c", "b!", "xb -c +b +c"),
    (REST, "a b c", "c!", "xc +c"),
    (REST, "a b* c", "b.", "-b -c +b +c"),
    (REST, "a b~ c", "b!", "xb"),
    (REST, "a b c~", "a!", "xa -c -b +a +b"),
    (REST, "a b c", "a!!", "xa -c -b !a xa +a +b +c"),
]
KINDS = {"*": "permanent", "~": "temporary"}


@pytest.mark.parametrize(("strategy", "names", "acts", "story"), HISTORIES)
def test_what_follows_when_a_child_ends(grove, strategy, names, acts, story):
    specs = [
        grove.child(name[0], restart=KINDS.get(name[1:], "transient")) for name in names.split()
    ]
    supervisor = grove.start(Supervisor(specs, strategy))
    refs = {name[0]: supervisor.child(name[0]) for name in names.split()}
    for act in acts.split():
        grove.failing[act[0]] = act.count("!") - 1
        if "!" in act:
            grove.crash(refs[act[0]])
        else:
            refs[act[0]].stop(block=True, timeout=CEILING)
            grove.settle()
    assert grove.take() == story


FAILED_AGAIN = [
    # all that the failing restart leaves standing: one_for_all takes all, rest_for_one the rest
    (ALL, "xa -d -c -b +a +b !c xc -b -a +a +b +c +d"),
    (REST, "xa -d -c -b +a +b !c xc +c +d"),
]


@pytest.mark.parametrize(("strategy", "story"), FAILED_AGAIN)
def test_a_sibling_that_does_not_come_back_is_tried_again_with_those_it_concerns(
    grove, strategy, story
):
    supervisor = grove.start(Supervisor(grove.children("abcd"), strategy))
    grove.failing["c"] = 1
    grove.crash(supervisor.child("a"))
    assert grove.take() == story
    assert state_of(supervisor, "c").restarts == 1


@pytest.mark.parametrize("strategy", [ONE, ALL, REST])
def test_children_start_in_order_and_stop_in_reverse(grove, strategy):
    spec = Supervisor(grove.children("abcd"), strategy)
    supervisor = start_supervisor(grove.dispatcher, spec, timeout=CEILING)
    assert grove.take() == "+a +b +c +d"
    supervisor.stop(timeout=CEILING)
    assert grove.take() == "-d -c -b -a"


def test_each_child_starts_after_the_one_before_has_started(grove):
    grove.starting["b"] = gate()
    started = start_supervisor(grove.dispatcher, Supervisor(grove.children("abc")), block=False)
    assert grove.take() == "+a +b"
    assert not started.done()
    grove.starting["b"].set(None)
    assert grove.take() == "+c"
    assert states(started.get(timeout=CEILING)) == dict.fromkeys("abc", "running")


def test_independent_children_have_their_grace_periods_side_by_side(grove):
    supervisor = grove.start(names="abc")
    grove.stopping.update(a=gate(), b=gate(), c=gate())
    ended = supervisor.stop(block=False)
    assert grove.take() == "-c -b -a"
    assert not ended.done()
    for one in grove.stopping.values():
        one.set(None)
    assert ended.get(timeout=CEILING)


@pytest.mark.parametrize("strategy", [ALL, REST])
def test_children_that_depend_on_each_other_stop_strictly_one_after_the_other(grove, strategy):
    supervisor = grove.start(names="abc", strategy=strategy)
    grove.stopping.update(b=gate(), c=gate())
    ended = supervisor.stop(block=False)
    assert grove.take() == "-c"
    grove.stopping["c"].set(None)
    assert grove.take() == "-b"
    assert not ended.done()
    grove.stopping["b"].set(None)
    assert grove.take() == "-a"
    assert ended.get(timeout=CEILING)


@pytest.mark.parametrize("strategy", [ALL, REST])
def test_nobody_starts_again_before_all_who_must_have_ended(grove, strategy):
    supervisor = grove.start(names="abc", strategy=strategy)
    grove.stopping["b"] = gate()
    grove.crash(supervisor.child("a"))
    assert grove.take() == "xa -c -b"
    assert states(supervisor) == {"a": "waiting", "b": "stopping", "c": "waiting"}
    grove.stopping.pop("b").set(None)
    assert grove.take() == "+a +b +c"


@pytest.mark.parametrize("strategy", [ONE, ALL, REST])
def test_a_first_start_that_fails_stops_those_started_before_it_and_is_told(grove, strategy):
    grove.failing["c"] = 1
    spec = Supervisor(grove.children("abcd"), strategy)
    with pytest.raises(ChildStartError) as caught:
        start_supervisor(grove.dispatcher, spec, timeout=CEILING)
    assert caught.value.child == "c"
    assert isinstance(caught.value.reason, StartFailed)
    assert isinstance(caught.value.reason.exception, DefectError)
    assert grove.take() == "+a +b !c xc -b -a"
    assert grove.dispatcher.actors() == []


def test_the_caller_hears_of_a_failed_start_after_the_siblings_have_ended(grove):
    grove.failing["b"] = 1
    grove.stopping["a"] = gate()
    started = start_supervisor(grove.dispatcher, Supervisor(grove.children("ab")), block=False)
    assert grove.take() == "+a !b xb -a"
    assert not started.done()
    grove.stopping["a"].set(None)
    with pytest.raises(ChildStartError):
        started.get(timeout=CEILING)


def test_a_factory_that_raises_is_a_failed_start(grove):
    def factory(_context):
        raise DefectError

    spec = Supervisor([grove.child("a"), ChildSpec("b", factory)])
    with pytest.raises(ChildStartError, match="b"):
        start_supervisor(grove.dispatcher, spec, timeout=CEILING)
    assert grove.take() == "+a -a"


def test_a_supervisor_that_is_stopped_while_it_opens_has_not_started(grove):
    grove.starting["b"] = gate()
    started = start_supervisor(grove.dispatcher, Supervisor(grove.children("abc")), block=False)
    grove.settle()
    supervisor = grove.dispatcher.actors()[0]
    ended = supervisor.stop(block=False)
    grove.settle()
    grove.starting["b"].set(None)
    assert grove.take() == "+a +b -b -a"
    assert ended.get(timeout=CEILING)
    with pytest.raises(Exception, match="ended before its children had started"):
        started.get(timeout=CEILING)


@pytest.mark.parametrize("strategy", [ALL, REST])
def test_a_child_that_fails_while_others_open_takes_a_starting_one_along(grove, strategy):
    grove.starting["b"] = gate()
    started = start_supervisor(
        grove.dispatcher, Supervisor(grove.children("abc"), strategy), block=False
    )
    assert grove.take() == "+a +b"
    grove.crash(grove.dispatcher.actors()[1])
    grove.starting.pop("b").set(None)
    assert grove.take() == "xa -b +a +b +c"
    assert states(started.get(timeout=CEILING)) == dict.fromkeys("abc", "running")


def test_an_independent_child_that_fails_while_others_open_does_not_wait_for_them(grove):
    grove.starting["b"] = gate()
    started = start_supervisor(grove.dispatcher, Supervisor(grove.children("abc")), block=False)
    grove.settle()
    grove.crash(grove.dispatcher.actors()[1])
    assert grove.take() == "+a +b xa +a"
    grove.starting.pop("b").set(None)
    assert grove.take() == "+c"
    assert states(started.get(timeout=CEILING)) == dict.fromkeys("abc", "running")


@pytest.mark.parametrize("strategy", [ALL, REST])
def test_a_bystander_that_fails_on_the_way_down_is_absorbed(grove, strategy):
    supervisor = grove.start(names="abcd", strategy=strategy)
    b, d = supervisor.child("b"), supervisor.child("d")
    grove.stopping["d"] = gate()
    grove.crash(supervisor.child("a"))
    assert grove.take() == "xa -d"
    grove.crash(b)
    assert grove.take() == "xb"
    grove.stopping.pop("d").set(None)
    assert grove.take() == "-c +a +b +c +d"
    assert (b.incarnation, d.incarnation) == (2, 2)
    assert [info.restarts for info in supervisor.which_children()] == [1, 0, 0, 0]


def test_a_bystander_that_is_temporary_is_forgotten_when_it_is_stopped(grove):
    specs = [grove.child("a"), grove.child("t", restart="temporary"), grove.child("c")]
    supervisor = grove.start(Supervisor(specs, ALL))
    t = supervisor.child("t")
    grove.crash(supervisor.child("a"))
    assert grove.take() == "xa -c -t +a +c"
    assert [info.id for info in supervisor.which_children()] == ["a", "c"]
    assert not t.is_alive()


def test_a_temporary_child_is_forgotten_when_it_ends_and_its_id_is_free(grove):
    supervisor = grove.start(children=[grove.child("t", restart="temporary")])
    old = supervisor.child("t")
    grove.crash(old)
    assert supervisor.which_children() == ()
    new = supervisor.start_child(grove.child("t", restart="temporary"), timeout=CEILING)
    assert (old.is_alive(), new.is_alive()) == (False, True)


def test_what_ends_one_after_the_other_leaves_when_the_supervisor_ends_for_good(grove):
    supervisor = grove.start(names="ab", strategy=ALL)
    grove.stopping["a"] = gate()
    grove.crash(supervisor.child("b"))
    assert grove.take() == "xb -a"
    ended = supervisor.stop(block=False)
    grove.settle()
    grove.stopping["a"].set(None)
    assert ended.get(timeout=CEILING)
    assert grove.take() == ""


AUTO = [
    # rule, significant ones, who ends by itself, why the supervisor ends
    ("any_significant", "ab", "a.", Shutdown),
    ("any_significant", "ab", "c.", None),
    ("any_significant", "ab", "a!", None),
    ("all_significant", "ab", "a.", None),
    ("all_significant", "ab", "a. b.", Shutdown),
    ("all_significant", "ab", "a. c. b!", None),
    ("never", "", "a. b. c.", None),
]


@pytest.mark.parametrize(("rule", "significant", "acts", "reason"), AUTO)
@pytest.mark.parametrize("strategy", [ONE, ALL, REST])
def test_the_end_of_significant_children_ends_the_supervisor(
    grove, strategy, rule, significant, acts, reason
):
    specs = [grove.child(name, significant=name in significant) for name in "abc"]
    supervisor = grove.start(Supervisor(specs, strategy, auto_shutdown=rule))
    refs = {name: supervisor.child(name) for name in "abc"}
    for act in acts.split():
        if act[1] == "!":
            grove.crash(refs[act[0]])
        else:
            refs[act[0]].stop(timeout=CEILING)
    grove.settle()
    assert supervisor.is_alive() is (reason is None)
    if reason is not None:
        assert supervisor.wait(CEILING) == reason()
        assert grove.dispatcher.actors() == []


def test_a_supervisor_ends_for_the_reason_it_was_stopped_for(grove):
    supervisor = grove.start()
    supervisor.stop(timeout=CEILING)
    assert supervisor.wait(CEILING) == Normal()
