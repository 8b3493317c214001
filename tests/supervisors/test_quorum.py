"""Quorums: how many of how many, whichever way it is written."""

from fractions import Fraction
from math import ceil

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.actors import SpecError
from actorch.supervisors._quorum import Quorum
from specs import label, refused, unless_refused, without

totals = st.integers(1, 10_000)
fractions = st.integers(1, 1000).flatmap(
    lambda whole: st.integers(1, whole).map(lambda part: (part, whole))
)
words = st.sampled_from(["all", "majority", "any"])


@pytest.mark.parametrize(
    ("written", "total", "required"),
    [
        ("all", 3, 3),
        ("majority", 3, 2),
        ("majority", 4, 3),
        ("majority", 1, 1),
        ("any", 3, 1),
        ("2/3", 3, 2),
        ("2/3", 4, 3),
        ("1/3", 10, 4),
        ("1/1", 7, 7),
        ("2", 3, 2),
        (2, 3, 2),
        (" 2/3 ", 3, 2),
        ("002", 3, 2),
        (999_999_999, 999_999_999, 999_999_999),
    ],
)
def test_a_quorum_is_a_word_a_fraction_or_a_number(written, total, required):
    assert Quorum.of(written).required(total) == required


@given(words | fractions.map(lambda f: f"{f[0]}/{f[1]}"), totals)
def test_at_least_one_and_at_most_all_are_required(written, total):
    assert 1 <= Quorum.of(written).required(total) <= total


@given(totals)
def test_a_majority_is_the_smallest_number_over_half(total):
    required = Quorum.of("majority").required(total)
    assert 2 * required > total >= 2 * (required - 1)


@given(fractions, totals)
def test_a_fraction_is_rounded_up(fraction, total):
    part, whole = fraction
    required = Quorum.of(f"{part}/{whole}").required(total)
    assert required == ceil(Fraction(part, whole) * total)


@given(words | fractions.map(lambda f: f"{f[0]}/{f[1]}"), totals)
def test_more_agents_never_require_fewer(written, total):
    quorum = Quorum.of(written)
    assert quorum.required(total) <= quorum.required(total + 1) <= quorum.required(total) + 1


@given(fractions, fractions, totals)
def test_a_larger_fraction_never_requires_fewer(first, second, total):
    low, high = sorted((first, second), key=lambda f: Fraction(*f))
    of = [Quorum.of(f"{part}/{whole}").required(total) for part, whole in (low, high)]
    assert of[0] <= of[1]


@given(totals, st.integers(0, 100))
def test_a_number_requires_itself_and_may_not_be_more_than_there_are(number, more):
    assert Quorum.of(number).required(number + more) == number
    text = refused(Quorum.of(number + more + 1).required, number)
    assert text == (
        f"quorum: {number + more + 1} is not allowed: "
        f"must be at most the number of agents, {number}"
    )


@pytest.mark.parametrize(
    "value",
    [
        *(0, -1, 10**9, 10**5000, True, False, "0", "-1", "+1", "1.5", "10000000000"),
        *("3/2", "0/3", "2/0", "0/0", "-1/2", "1/-2", "1/2/3", "1 / 2", "1/", "/2", "66%", "0.5"),
        *("", " ", "All", "most", "none", "1/2\n1", "\u0662/\u0663", "\u0662"),
        *without(int, str),
    ],
    ids=label,
)
def test_what_is_no_quorum_is_refused_with_all_that_is(value):
    text = refused(Quorum.of, value)
    assert text.startswith("quorum: ")
    assert text.endswith(
        "must be all, majority, any, a number of agents, or a fraction such as 2/3"
    )


@given(st.text() | st.text("0123456789/allny ") | st.integers() | st.floats() | st.none())
def test_anything_is_a_quorum_or_a_spec_error(value):
    quorum = unless_refused(Quorum.of, value)
    if quorum is not None and "/" in quorum.text:
        assert 1 <= quorum.required(3) <= 3


def test_a_quorum_is_shown_as_it_was_written_and_is_one_already():
    quorum = Quorum.of("2/3")
    assert (str(quorum), repr(quorum)) == ("2/3", "2/3")
    assert Quorum.of(quorum) is quorum
    assert Quorum.of(5) == Quorum("5")
    assert Quorum() == Quorum.of("all")


@pytest.mark.parametrize("text", ["junk", "3/2", "", 3, None, True])
def test_a_quorum_made_or_changed_by_hand_is_checked_as_well(text):
    refused(Quorum, text)
    with pytest.raises(SpecError):
        msgspec.structs.replace(Quorum(), text=text)
