"""Durations: what is written is what is meant, and nothing but SpecError is ever raised."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actorch.actors._checks import YEAR, check_seconds
from actorch.actors._durations import DURATION, parse_duration
from specs import label, refused, unless_refused, without

UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (90, 90.0),
        (1.5, 1.5),
        ("90", 90.0),
        ("0.25", 0.25),
        ("1.5s", 1.5),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1d", 86400.0),
        ("250ms", 0.25),
        ("1m500ms", 60.5),
        (" 5m ", 300.0),
        ("366d", YEAR),
        (366 * 86400, YEAR),
    ],
)
def test_a_duration_is_a_number_of_seconds_or_numbers_with_units(written, seconds):
    found = parse_duration("timeout", written)
    assert found == pytest.approx(seconds)
    assert type(found) is float


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "s", "five", "5x", "5 m", "1 h 30 m", "5M", "5min", "-5", "-5s", "+5", "1e3"),
        *(
            ".5",
            "5.",
            "1_000",
            "5,5s",
            "nan",
            "inf",
            "infinity",
            "0x10",
            "\u0665s",
            "\u096b",
            "1m1h",
            "1s1s",
        ),
        *("5s\n5s", "5\0", "none", "1h30"),
    ],
)
def test_what_is_no_duration_is_refused_with_examples_of_what_is(written):
    text = refused(parse_duration, "idle_timeout", written)
    assert text.startswith("idle_timeout: ")
    assert DURATION in text


@pytest.mark.parametrize("value", without(int, float), ids=label)
def test_only_numbers_and_strings_are_durations(value):
    assert refused(parse_duration, "timeout", value).startswith("timeout: ")


@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_no_number_of_seconds(value):
    assert f"timeout: {value} is not allowed" in refused(parse_duration, "timeout", value)


@pytest.mark.parametrize(
    "value", [-1, -0.001, -math.inf, -(10**400), "0", 0, 0.0, -0.0, "0s"], ids=label
)
def test_a_limit_is_more_than_zero(value):
    assert "more than 0" in refused(parse_duration, "timeout", value)


@pytest.mark.parametrize("value", [0, 0.0, -0.0, "0", "0s", "0h0m"])
def test_a_wait_may_be_zero(value):
    assert parse_duration("wait", value, zero=True) == 0


def test_a_wait_is_never_negative():
    assert "0 or more" in refused(parse_duration, "wait", -1, zero=True)


@pytest.mark.parametrize(
    "value",
    [math.inf, YEAR + 1, 10**400, 10**5000, "367d", "9" * 400, "9" * 10_000 + "h"],
    ids=label,
)
def test_more_than_a_year_is_refused_as_a_slip(value):
    assert "at most 366 days" in refused(parse_duration, "timeout", value)


def test_no_number_is_no_duration():
    assert "timeout: nan is not allowed" in refused(parse_duration, "timeout", math.nan)


def test_the_text_is_shown_as_it_was_written():
    assert "timeout: '400d' is not allowed" in refused(parse_duration, "timeout", "400d")
    assert "timeout: '0m' is not allowed" in refused(parse_duration, "timeout", "0m")


def test_a_check_of_seconds_says_that_they_are_seconds():
    assert "must be a number of seconds" in refused(check_seconds, "timeout", "5m")


parts = st.dictionaries(
    st.sampled_from(list(UNITS)), st.integers(0, 10_000).map(lambda n: n / 8), min_size=1
)


@given(parts)
def test_a_written_duration_is_read_as_the_sum_of_its_parts(numbers):
    written = "".join(f"{numbers[unit]:f}{unit}" for unit in UNITS if unit in numbers)
    meant = sum(numbers[unit] * UNITS[unit] for unit in numbers)
    if meant <= YEAR:
        assert parse_duration("x", written, zero=True) == pytest.approx(meant)


@given(st.floats(0, YEAR))
def test_a_plain_number_is_read_as_it_is_written(seconds):
    assert parse_duration("x", seconds, zero=True) == seconds
    assert parse_duration("x", f"{seconds:.20f}", zero=True) == pytest.approx(seconds, abs=1e-15)


@given(st.text() | st.text("0123456789.dhms "))
@example("9" * 5000)
@example("1" * 100_000 + "x")
@example("\ud800")
def test_any_text_is_a_sensible_number_of_seconds_or_a_spec_error(text):
    seconds = unless_refused(parse_duration, "x", text)
    assert seconds is None or 0 < seconds <= YEAR


@given(st.integers() | st.floats() | st.booleans() | st.none())
def test_any_number_is_a_sensible_number_of_seconds_or_a_spec_error(value):
    seconds = unless_refused(parse_duration, "x", value)
    assert seconds is None or 0 < seconds == value <= YEAR
