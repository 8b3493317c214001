"""Retries: who deserves another attempt, and waits that grow but stay below their cap."""

import math
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.actors import Backoff, RetryPolicy, SpecError
from actorch.actors._exit import ExitClass
from specs import label, refused, without

WORDS = ("transient", "timeout", "exit", "signal", "memory", "output", "any", "never")
NEVER = (ExitClass.SUCCESS, ExitClass.PERMANENT, ExitClass.CANCELLED)

seconds = st.floats(0, 1e6)
backoffs = st.builds(
    Backoff,
    initial=seconds,
    factor=st.floats(1, 1e6),
    cap=seconds,
    jitter=st.sampled_from(["full", "none"]),
)
attempts = st.integers(1, 1_000_000)
conditions = st.sampled_from(WORDS) | st.integers(1, 255)


def waits(backoff, count, seed=7):
    source = random.Random(seed)
    return [backoff.delay(attempt, source) for attempt in range(1, count + 1)]


def test_the_defaults_wait_one_second_and_twice_as_long_each_time_up_to_a_minute():
    assert waits(Backoff(jitter="none"), 8) == [1, 2, 4, 8, 16, 32, 60, 60]
    assert Backoff().jitter == "full"


@given(backoffs, attempts, st.integers())
def test_a_wait_is_never_negative_and_never_over_its_cap(backoff, attempt, seed):
    assert 0 <= backoff.delay(attempt, random.Random(seed)) <= backoff.cap


@given(backoffs, attempts)
def test_waits_grow(backoff, attempt):
    steady = msgspec.structs.replace(backoff, jitter="none")
    source = random.Random()
    assert steady.delay(attempt, source) <= steady.delay(attempt + 1, source)


@given(backoffs, attempts, st.integers())
def test_full_jitter_stays_between_nothing_and_the_wait_without_jitter(backoff, attempt, seed):
    steady = msgspec.structs.replace(backoff, jitter="none")
    full = msgspec.structs.replace(backoff, jitter="full")
    longest = steady.delay(attempt, random.Random())
    assert 0 <= full.delay(attempt, random.Random(seed)) <= longest


@given(backoffs, st.integers())
def test_the_same_seed_gives_the_same_waits(backoff, seed):
    assert waits(backoff, 5, seed) == waits(backoff, 5, seed)


def test_full_jitter_uses_the_whole_width():
    drawn = waits(Backoff(initial=1.0, factor=1.0), 1000)
    assert min(drawn) < 0.05
    assert max(drawn) > 0.95
    assert 0.4 < sum(drawn) / 1000 < 0.6


def test_jitter_draws_once_and_its_absence_never():
    source = random.Random(1)
    Backoff(jitter="none").delay(1, source)
    assert source.random() == random.Random(1).random()
    after_one = random.Random(1)
    after_one.random()
    source = random.Random(1)
    Backoff().delay(1, source)
    assert source.random() == after_one.random()


@pytest.mark.parametrize("attempt", [1025, 10**6, 10**400], ids=label)
def test_a_power_too_large_for_a_float_waits_for_the_cap(attempt):
    backoff = Backoff(initial=1, factor=2, cap=60, jitter="none")
    assert backoff.delay(attempt, random.Random()) == 60.0


@pytest.mark.parametrize("attempt", [1, 2, 1025, 10**6])
def test_no_initial_wait_means_no_wait_ever(attempt):
    assert Backoff(initial=0, jitter="none").delay(attempt, random.Random()) == 0.0


def test_numbers_are_kept_as_floats():
    backoff = Backoff(initial=1, factor=2, cap=60)
    assert [type(one) for one in (backoff.initial, backoff.factor, backoff.cap)] == [float] * 3


@pytest.mark.parametrize("key", ["initial", "cap"])
@pytest.mark.parametrize(
    "value", [-1, math.nan, math.inf, 10**400, True, "5s", None, [1]], ids=label
)
def test_a_wait_that_is_no_number_of_seconds_is_refused(key, value):
    assert refused(Backoff, **{key: value}).startswith(f"retry.backoff.{key}: ")


@pytest.mark.parametrize(
    "value",
    [0.99, 0, -2, math.nan, math.inf, 10**400, 10**5000, 1e7, True, "2", None, [2]],
    ids=label,
)
def test_a_factor_below_one_or_no_number_is_refused(value):
    text = refused(Backoff, factor=value)
    assert text.startswith("retry.backoff.factor: ")
    assert "a number from 1 to 1000000" in text


@pytest.mark.parametrize("value", ["", "half", "FULL", True, None, 0.5, ["full"], {}])
def test_a_jitter_that_does_not_exist_is_refused(value):
    text = refused(Backoff, jitter=value)
    assert text.startswith("retry.backoff.jitter: ")
    assert '"full" or "none"' in text


WANTS = {
    "transient": {ExitClass.TRANSIENT, ExitClass.TIMEOUT},
    "timeout": {ExitClass.TIMEOUT},
    "exit": {ExitClass.EXIT},
    "signal": {ExitClass.SIGNAL},
    "memory": {ExitClass.MEMORY},
    "output": {ExitClass.OUTPUT},
    "any": {
        ExitClass.TRANSIENT,
        ExitClass.TIMEOUT,
        ExitClass.EXIT,
        ExitClass.SIGNAL,
        ExitClass.MEMORY,
        ExitClass.OUTPUT,
    },
    "never": set(),
}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("exit_class", list(ExitClass))
def test_a_word_wants_these_classes_and_no_others(word, exit_class):
    assert RetryPolicy(retry_on=word).wants(exit_class, 1) is (exit_class in WANTS[word])


@given(st.lists(conditions, min_size=1), st.sampled_from(NEVER), st.integers(0, 255) | st.none())
def test_success_permanent_failure_and_cancelling_are_never_tried_again(retry_on, ended, code):
    assert not RetryPolicy(retry_on=retry_on).wants(ended, code)


@given(st.lists(conditions, min_size=1), st.sampled_from(ExitClass), st.integers(1, 255))
def test_several_conditions_want_what_any_one_of_them_wants(retry_on, ended, code):
    each = [RetryPolicy(retry_on=one).wants(ended, code) for one in retry_on]
    assert RetryPolicy(retry_on=retry_on).wants(ended, code) is any(each)


def test_an_exit_code_wants_that_code_alone():
    policy = RetryPolicy(retry_on=[3, 75])
    assert policy.wants(ExitClass.EXIT, 3)
    assert policy.wants(ExitClass.TRANSIENT, 75)
    assert not policy.wants(ExitClass.EXIT, 4)
    assert not policy.wants(ExitClass.SIGNAL, None)
    assert not policy.wants(ExitClass.TIMEOUT, 3)


def test_the_defaults_try_three_times_what_passes_by_itself():
    policy = RetryPolicy()
    assert (policy.max_attempts, policy.retry_on) == (3, ("transient",))


@pytest.mark.parametrize("one", ["exit", 7])
def test_one_condition_is_the_same_as_a_list_of_it(one):
    assert RetryPolicy(retry_on=one) == RetryPolicy(retry_on=[one])


@pytest.mark.parametrize(
    "value",
    [
        *("", "Transient", "all", "75", 0, 256, -1, 10**5000, True, False, 2.5, None),
        *([], {}, [[]], ["exit", "junk"], ["exit", True], [3, 0], {"exit": 1}, "exit,signal", b"x"),
    ],
    ids=label,
)
def test_a_condition_that_does_not_exist_is_refused_with_all_that_do(value):
    text = refused(RetryPolicy, retry_on=value)
    assert text.startswith("retry.retry_on: ")
    assert all(word in text for word in WORDS)
    assert "exit codes from 1 to 255" in text


@pytest.mark.parametrize("value", [0, -1, 1_000_001, 10**5000, *without(int)], ids=label)
def test_there_is_at_least_one_attempt(value):
    text = refused(RetryPolicy, max_attempts=value)
    assert text.startswith("retry.max_attempts: ")
    assert "a whole number from 1 to 1000000" in text


@pytest.mark.parametrize("value", [None, {}, {"initial": 1}, 3, RetryPolicy()])
def test_the_waits_are_a_backoff(value):
    assert "must be a Backoff" in refused(RetryPolicy, backoff=value)


def test_a_changed_copy_is_checked_as_well():
    with pytest.raises(SpecError):
        msgspec.structs.replace(RetryPolicy(), max_attempts=0)
    with pytest.raises(SpecError):
        msgspec.structs.replace(Backoff(), factor=0.5)
