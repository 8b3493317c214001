"""Budgets: so many restarts within so many seconds, counted as OTP counts them."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.supervisors._budget import Budget, Restarts
from specs import label, refused, without

steps = st.lists(st.integers(0, 20), max_size=60)
budgets = st.builds(Budget, restarts=st.integers(0, 6), within=st.integers(1, 40))


def times_of(gaps):
    now = 0
    for gap in gaps:
        now += gap
        yield now


def test_the_defaults_are_five_restarts_in_five_minutes_and_the_failure_goes_up():
    assert Budget() == Budget(restarts=5, within=300.0, then="escalate")


@given(budgets, steps)
def test_a_restart_is_one_too_many_when_more_than_the_budget_are_no_older_than_the_period(
    budget, gaps
):
    restarts, all_times = Restarts(budget), []
    for now in times_of(gaps):
        all_times.append(now)
        recent = [time for time in all_times if time >= now - budget.within]
        assert restarts.spend(now) == (len(recent) > budget.restarts)
        assert restarts.count(now) == min(len(recent), budget.restarts + 1)


@given(budgets, steps, st.integers(0, 50))
def test_what_is_counted_later_is_what_is_still_young_enough(budget, gaps, later):
    restarts, all_times = Restarts(budget), list(times_of(gaps))
    for now in all_times:
        restarts.spend(now)
    end = (all_times[-1] if all_times else 0) + later
    recent = [time for time in all_times if end - time <= budget.within]
    assert restarts.count(end) == min(len(recent), budget.restarts + 1)


def test_a_restart_exactly_as_old_as_the_period_still_counts():
    for later, too_many in ((10.0, True), (math.nextafter(10.0, 11.0), False)):
        restarts = Restarts(Budget(restarts=1, within=10))
        assert restarts.spend(0.0) is False
        assert restarts.spend(later) is too_many


def test_a_budget_of_none_allows_no_restart_however_long_ago_the_last_one_was():
    restarts = Restarts(Budget(restarts=0, within=1))
    assert [restarts.spend(now) for now in (0.0, 100.0, 1e6)] == [True] * 3


def test_a_clock_that_stands_still_spends_the_budget_all_the_same():
    restarts = Restarts(Budget(restarts=3, within=1))
    assert [restarts.spend(7.0) for _ in range(5)] == [False, False, False, True, True]


def test_after_a_reset_the_whole_budget_is_there_again():
    restarts = Restarts(Budget(restarts=1, within=10))
    assert [restarts.spend(0.0), restarts.spend(0.0)] == [False, True]
    restarts.reset()
    assert restarts.count(0.0) == 0
    assert [restarts.spend(0.0), restarts.spend(0.0)] == [False, True]


def test_no_more_times_are_kept_than_the_budget_has_restarts_and_one():
    restarts = Restarts(Budget(restarts=3, within=1e6))
    for _ in range(10_000):
        restarts.spend(1.0)
    assert restarts.count(1.0) == 4
    assert repr(restarts) == "<Restarts 4 of 3 within 1e+06 s>"


def test_the_restarts_of_two_children_are_counted_apart():
    budget = Budget(restarts=1, within=10)
    one, other = Restarts(budget), Restarts(budget)
    assert [one.spend(0.0), other.spend(0.0), one.spend(0.0)] == [False, False, True]


@pytest.mark.parametrize("value", [-1, 1_000_001, 10**5000, *without(int)], ids=label)
def test_a_number_of_restarts_that_is_no_whole_number_in_range_is_refused(value):
    text = refused(Budget, restarts=value)
    assert text.startswith("budget.restarts: ")
    assert "a whole number from 0 to 1000000" in text


@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan, *without(int, float)], ids=label)
def test_a_period_of_no_time_at_all_is_refused(value):
    assert refused(Budget, within=value).startswith("budget.within: ")


@pytest.mark.parametrize("value", ["", "restart", "Stop", *without(str)], ids=label)
def test_what_happens_then_is_one_of_two_words(value):
    text = refused(Budget, then=value)
    assert text.startswith("budget.then: ")
    assert "one of escalate, stop" in text


def test_a_budget_changed_by_hand_is_checked_as_well():
    refused(msgspec.structs.replace, Budget(), restarts=-1)


def test_a_period_is_kept_as_a_float_and_the_limits_are_allowed():
    assert type(Budget(within=5).within) is float
    assert [Budget(restarts=n).restarts for n in (0, 1_000_000)] == [0, 1_000_000]
