"""The breaker: when many children fail alike, all restarts pause, and one child tries first."""

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actorch.supervisors._breaker import Breaker, BreakerState
from specs import label, refused, without

FEW = Breaker(share=0.5, at_least=2, within=10, pause=8, max_pause=20, factor=2)
CHILDREN = 4


class Model:
    """The same rules over a list of all that ever happened, without a thought of speed."""

    def __init__(self, breaker):
        self.breaker = breaker
        self.failures = []
        self.until = self.probe = self.likeness = None
        self.pause = breaker.pause

    def failed(self, child, likeness, now, children):
        if self.until is None:
            self.failures.append((child, likeness, now))
            alike = {
                one
                for one, how, when in self.failures
                if how == likeness and now - when <= self.breaker.within
            }
            share = Fraction(str(self.breaker.share)) * children
            if len(alike) < self.breaker.at_least or len(alike) < share:
                return False
            self.pause = self.breaker.pause
        elif child != self.probe:
            return False
        elif likeness == self.likeness:
            self.pause = min(self.pause * self.breaker.factor, self.breaker.max_pause)
        else:
            self.pause = self.breaker.pause
        self.until, self.probe, self.likeness = now + self.pause, None, likeness
        return True

    def may_restart(self, child, now):
        if self.until is None:
            return True
        if now < self.until:
            return False
        self.probe = self.probe or child
        return self.probe == child

    def recovered(self, child, now):
        if self.until is not None and now >= self.until:
            self.until = self.probe = None
            self.failures = []

    def forget(self, child):
        if child == self.probe:
            self.probe = None

    def counts(self, child):
        return child != self.probe


ops = st.lists(
    st.tuples(
        st.sampled_from(["failed"] * 4 + ["may_restart"] * 3 + ["recovered", "forget"]),
        st.sampled_from("abcdef"),
        st.sampled_from(["net", "net", "disk"]),
        st.sampled_from([0, 0, 1, 2, 5, 11]),
    ),
    max_size=60,
)
breakers = st.builds(
    Breaker,
    share=st.sampled_from([0.01, 0.3, 0.5, 1]),
    at_least=st.integers(1, 4),
    within=st.integers(1, 12),
    pause=st.integers(1, 5),
    max_pause=st.integers(5, 30),
    factor=st.integers(1, 3),
)


def at_work(breaker=FEW):
    return BreakerState(breaker)


def opened(breaker=FEW, now=0.0):
    """A breaker that two children opened."""
    state = at_work(breaker)
    assert [state.failed(child, "net", now, CHILDREN) for child in "ab"] == [False, True]
    return state


def half_open(breaker=FEW, probe="a"):
    """The same after its pause, with a probe that has been let through; and the time."""
    state = opened(breaker)
    now = state.paused_until
    assert state.may_restart(probe, now)
    return state, now


@given(breakers, ops, st.integers(1, 8))
def test_it_does_what_a_list_of_all_failures_would(breaker, ops, children):
    state, model, now = BreakerState(breaker), Model(breaker), 0
    for what, child, likeness, gap in ops:
        now += gap
        more = (likeness, now, children) if what == "failed" else (now,)
        more = () if what == "forget" else more
        assert getattr(state, what)(child, *more) == getattr(model, what)(child, *more)
        assert state.paused_until == model.until
        assert [state.counts(one) for one in "abcdef"] == [model.counts(one) for one in "abcdef"]


def test_while_it_is_closed_every_child_may_be_restarted_and_every_failure_counts():
    state = at_work()
    assert state.paused_until is None
    assert [state.may_restart(child, 0.0) and state.counts(child) for child in "abc"] == [True] * 3


def test_it_opens_when_so_many_children_failed_alike_and_pauses_all_restarts():
    state = opened(now=5.0)
    assert state.paused_until == 13.0
    assert not any(state.may_restart(child, 12.9) for child in "abcd")
    assert state.counts("a")


def test_one_child_that_fails_again_and_again_opens_nothing():
    state = at_work()
    assert not any(state.failed("a", "net", now, CHILDREN) for now in range(100))


def test_children_that_fail_in_different_ways_open_nothing():
    state = at_work()
    assert not any(state.failed(child, child, 0.0, CHILDREN) for child in "abcd")


@pytest.mark.parametrize(("later", "opens"), [(10.0, True), (math.nextafter(10.0, 11.0), False)])
def test_a_failure_exactly_as_old_as_the_period_still_counts(later, opens):
    state = at_work()
    state.failed("a", "net", 0.0, CHILDREN)
    assert state.failed("b", "net", later, CHILDREN) is opens


def test_a_child_that_fails_again_counts_from_its_last_failure():
    state = at_work()
    for now in (0.0, 9.0):
        state.failed("a", "net", now, CHILDREN)
    assert state.failed("b", "net", 18.0, CHILDREN)


def test_a_child_that_fails_again_does_not_keep_the_failures_of_others_young():
    state = at_work(Breaker(at_least=3, within=10))
    for child, now in (("a", 0.0), ("b", 1.0), ("a", 9.0)):
        assert not state.failed(child, "net", now, CHILDREN)
    assert not state.failed("c", "net", 12.0, CHILDREN)
    assert state.failed("b", "net", 13.0, CHILDREN)


@given(st.integers(1, 100), st.integers(1, 20), st.integers(1, 200))
@example(7, 1, 100)
@example(29, 1, 100)
def test_it_takes_the_share_as_it_was_written_rounded_up_and_never_fewer_than_at_least(
    percent, at_least, children
):
    state = at_work(Breaker(share=percent / 100, at_least=at_least))
    opens = [state.failed(f"{n}", "net", 0.0, children) for n in range(1, 202)].index(True) + 1
    assert opens == max(at_least, -(-percent * children // 100))


def test_after_the_pause_exactly_one_child_is_let_through_however_often_it_asks():
    state = opened()
    assert [state.may_restart(child, 8.0) for child in "cabcac"] == [
        *(True, False, False),
        *(True, False, True),
    ]


def test_the_failure_of_a_probe_is_not_charged_to_its_budget():
    state, _now = half_open(probe="a")
    assert [state.counts(child) for child in "ab"] == [False, True]


@pytest.mark.parametrize("child", ["a", "b", "z"])
def test_any_child_that_recovers_after_the_pause_closes_it_and_all_is_forgotten(child):
    state, now = half_open(probe="a")
    state.recovered(child, now)
    assert state.paused_until is None
    assert all(state.may_restart(one, now) and state.counts(one) for one in "abc")
    assert not state.failed("c", "net", now, CHILDREN)


def test_a_child_that_becomes_ready_during_the_pause_closes_nothing():
    state = opened()
    state.recovered("c", 7.9)
    assert state.paused_until == 8.0


def test_a_probe_that_fails_in_the_same_way_pauses_longer_each_time_up_to_the_limit():
    state, now = opened(), 0.0
    pauses = []
    for _ in range(4):
        pauses.append(state.paused_until - now)
        now = state.paused_until
        assert state.may_restart("a", now)
        assert state.failed("a", "net", now, CHILDREN)
        assert not state.may_restart("a", now)
    assert pauses == [8.0, 16.0, 20.0, 20.0]


def test_a_probe_that_fails_in_another_way_pauses_as_long_as_the_first_time():
    state, now = half_open()
    assert state.failed("a", "net", now, CHILDREN)
    now = state.paused_until
    assert state.may_restart("b", now)
    assert state.failed("b", "disk", now, CHILDREN)
    assert state.paused_until == now + 8
    now = state.paused_until
    assert state.may_restart("b", now)
    assert state.failed("b", "disk", now, CHILDREN)
    assert state.paused_until == now + 16


def test_an_outage_after_a_recovery_begins_with_the_short_pause():
    state, now = half_open()
    state.failed("a", "net", now, CHILDREN)
    now = state.paused_until
    assert state.may_restart("a", now)
    state.recovered("a", now)
    assert [state.failed(child, "net", now, CHILDREN) for child in "ab"] == [False, True]
    assert state.paused_until == now + 8


def test_other_children_that_fail_during_the_outage_change_nothing():
    state, now = half_open(probe="a")
    assert not any(state.failed(child, "net", now, CHILDREN) for child in "bcd")
    assert not state.counts("a")


@pytest.mark.parametrize("removed", ["a", "b"])
def test_when_the_probe_is_removed_another_child_may_be_it(removed):
    state, now = half_open(probe="a")
    state.forget(removed)
    assert state.may_restart("c", now) is (removed == "a")


def test_a_removed_child_that_failed_still_tells_of_the_outage():
    state = at_work()
    state.failed("a", "net", 0.0, CHILDREN)
    state.forget("a")
    assert state.failed("b", "net", 0.0, CHILDREN)


class CountedTime(float):
    """A time that counts how often the age of something was worked out from it."""

    looks = 0

    def __sub__(self, other):
        CountedTime.looks += 1
        return float(self) - float(other)


def test_a_failure_costs_the_same_however_many_children_fail_at_once():
    state, count = at_work(Breaker(share=1, within=1)), 10_000
    CountedTime.looks = 0
    for start in range(3):
        for number in range(count):
            now = CountedTime(start * 10 + number / count)
            assert not state.failed(f"{number}", "net", now, count + 1)
    assert CountedTime.looks <= 2 * 3 * count


def test_no_failure_is_kept_that_is_older_than_the_period():
    state = at_work(Breaker(within=10))
    for now in range(1000):
        state.failed(f"{now % 7}", f"likeness {now}", float(now), 7)
    assert repr(state) == "<BreakerState closed, 11 failures>"


def test_it_shows_how_it_stands():
    assert repr(at_work()) == "<BreakerState closed, 0 failures>"
    assert repr(opened()) == "<BreakerState open until 8: 'net'>"
    assert repr(half_open()[0]) == "<BreakerState half-open, 'a' is the probe>"


def test_the_defaults_take_half_of_the_children_and_three_at_least():
    assert Breaker() == Breaker(0.5, 3, 30.0, 30.0, 300.0, 2.0)


@pytest.mark.parametrize("value", [0, -0.1, 1.01, math.inf, *without(int, float)], ids=label)
def test_a_share_is_more_than_nothing_and_at_most_all(value):
    text = refused(Breaker, share=value)
    assert text.startswith("breaker.share: ")
    assert "a number more than 0, at most 1" in text


@pytest.mark.parametrize("value", [0, 1_000_001, *without(int)], ids=label)
def test_it_takes_one_child_at_least(value):
    assert refused(Breaker, at_least=value).startswith("breaker.at_least: ")


@pytest.mark.parametrize("key", ["within", "pause", "max_pause"])
@pytest.mark.parametrize("value", [0, -1, math.inf, *without(int, float)], ids=label)
def test_what_is_no_time_at_all_is_refused(key, value):
    assert refused(Breaker, **{key: value}).startswith(f"breaker.{key}: ")


def test_the_longest_pause_is_not_shorter_than_the_first():
    text = refused(Breaker, pause=9, max_pause=8)
    assert text == "breaker.max_pause: 8.0 is not allowed: must be at least breaker.pause, 9"


@pytest.mark.parametrize("value", [0.9, 1e7, *without(int, float)], ids=label)
def test_a_factor_below_one_or_no_number_is_refused(value):
    assert refused(Breaker, factor=value).startswith("breaker.factor: ")
