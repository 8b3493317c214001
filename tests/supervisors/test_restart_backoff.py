"""Waits before a restart: they grow with each failure, and begin anew after good health."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.actors import Backoff
from actorch.supervisors._restart_backoff import RestartBackoff
from specs import label, refused, without

limits = st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)).map(sorted)
backoffs = st.builds(
    lambda limits, factor, jitter: RestartBackoff(*limits, factor, jitter),
    limits,
    st.floats(1, 1e6),
    st.sampled_from(["full", "none"]),
)
failures = st.integers(1, 1_000_000)


def steady(*limits, **rest):
    return RestartBackoff(*limits, jitter="none", **rest)


def waits(backoff, count):
    return [backoff.delay(number, random.Random(7)) for number in range(1, count + 1)]


def test_the_defaults_wait_one_second_and_twice_as_long_each_time_up_to_a_minute():
    assert waits(steady(), 8) == [1, 2, 4, 8, 16, 32, 60, 60]
    assert RestartBackoff().jitter == "full"


@given(backoffs, failures, st.integers())
def test_a_child_waits_as_long_as_an_attempt_of_an_agent_would(backoff, number, seed):
    like = Backoff(backoff.min, backoff.factor, backoff.max, backoff.jitter)
    expected = like.delay(number, random.Random(seed))
    assert backoff.delay(number, random.Random(seed)) == expected


@given(backoffs, failures, st.integers())
def test_a_wait_is_never_negative_and_never_over_the_longest(backoff, number, seed):
    assert 0 <= backoff.delay(number, random.Random(seed)) <= backoff.max


@given(limits, failures)
def test_without_jitter_no_wait_is_under_the_shortest(limits, number):
    assert steady(*limits).delay(number, random.Random()) >= limits[0]


@given(failures, st.integers())
def test_without_a_shortest_wait_a_child_is_restarted_at_once(number, seed):
    for jitter in ("full", "none"):
        backoff = RestartBackoff(min=0, jitter=jitter)
        assert backoff.delay(number, random.Random(seed)) == 0.0


def test_jitter_draws_once_and_its_absence_never():
    for backoff, draws in ((RestartBackoff(), 1), (steady(), 0)):
        source, expected = random.Random(1), random.Random(1)
        for _ in range(draws):
            expected.random()
        backoff.delay(3, source)
        assert source.random() == expected.random()


@given(limits)
def test_a_child_is_healthy_after_half_of_both_limits_together_and_ten_seconds_at_least(limits):
    assert RestartBackoff(*limits).healthy_after == max(10.0, sum(limits) / 2)


def test_it_is_healthy_after_what_is_said_if_something_is():
    assert RestartBackoff().healthy_after == 30.5
    assert RestartBackoff(reset_after=5).healthy_after == 5.0
    assert RestartBackoff(reset_after=0).healthy_after == 0.0


def test_numbers_are_kept_as_floats():
    backoff = RestartBackoff(1, 2, 3, "full", 4, 5)
    kept = [getattr(backoff, key) for key in ("min", "max", "factor", "reset_after", "ready_after")]
    assert [(type(one), one) for one in kept] == [(float, n) for n in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize("key", ["min", "max", "ready_after", "reset_after"])
@pytest.mark.parametrize("value", [-1, math.inf, *without(int, float, type(None))], ids=label)
def test_a_wait_that_is_no_number_of_seconds_is_refused(key, value):
    assert refused(RestartBackoff, **{key: value}).startswith(f"backoff.{key}: ")


@pytest.mark.parametrize("key", ["min", "max", "ready_after"])
def test_only_the_time_until_the_reset_may_be_left_open(key):
    assert refused(RestartBackoff, **{key: None}).startswith(f"backoff.{key}: ")


def test_the_longest_wait_is_not_shorter_than_the_shortest():
    text = refused(RestartBackoff, min=2, max=1)
    assert text == "backoff.max: 1.0 is not allowed: must be at least backoff.min, 2"
    assert steady(2, 2).delay(9, random.Random()) == 2.0


@pytest.mark.parametrize("value", [0.99, 0, 1e7, math.inf, *without(int, float)], ids=label)
def test_a_factor_below_one_or_no_number_is_refused(value):
    text = refused(RestartBackoff, factor=value)
    assert text.startswith("backoff.factor: ")
    assert "a number from 1 to 1000000" in text


@pytest.mark.parametrize("value", ["", "half", *without(str)], ids=label)
def test_a_jitter_that_does_not_exist_is_refused(value):
    assert refused(RestartBackoff, jitter=value).startswith("backoff.jitter: ")
