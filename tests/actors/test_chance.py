"""Chance in tests: the same each time, or as it is written."""

import random

import pytest

from actorch.actors import Backoff
from actorch.actors.testing import ScriptedRandom, SeededRandom


@pytest.mark.parametrize("seed", [0, 7, "tuesday"])
def test_a_seed_is_shown_and_gives_the_same_values_as_ever(seed: int | str) -> None:
    source = SeededRandom(seed)
    assert repr(source) == f"SeededRandom({seed!r})"
    plain = random.Random(seed)
    assert [source.random() for _ in range(5)] == [plain.random() for _ in range(5)]


def test_scripted_values_come_in_turn() -> None:
    source = ScriptedRandom(0.5, 0.0, 0.25)
    assert [source.random(), source.random()] == [0.5, 0.0]
    assert source.left == (0.25,)
    assert repr(source) == "<ScriptedRandom: 1 of 3 values left>"


def test_what_is_made_of_them_is_as_scripted() -> None:
    assert ScriptedRandom(0.5).uniform(0, 10) == 5
    source = ScriptedRandom(0.0)
    assert Backoff(initial=8).delay(1, source) == Backoff(initial=8).delay(1, ScriptedRandom(0.0))


def test_an_unscripted_value_is_an_error() -> None:
    source = ScriptedRandom(0.5)
    source.random()
    used_up = r"^random\(\) was called more often than the 1 times that are scripted$"
    with pytest.raises(LookupError, match=used_up):
        source.random()


def test_bits_use_up_no_value_and_are_the_same_each_time() -> None:
    source = ScriptedRandom()
    assert source.getrandbits(64) == ScriptedRandom(0.5).getrandbits(64)
    assert source.left == ()


@pytest.mark.parametrize("value", [1, 1.5, -0.1, float("nan")])
def test_a_value_that_random_never_returns_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"random\(\) is never "):
        ScriptedRandom(0.5, value)
