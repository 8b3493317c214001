"""How long an attempt has been silent, whatever happens to the time of day."""

import os

import pytest

from actorch.actors._attempt import Attempt
from actorch.actors._events import AgentOutput


class TwoClocks:
    """A monotonic clock and a time of day, each set by hand."""

    def __init__(self):
        self.monotonic = 100.0
        self.day = 1_000_000.0

    def now(self):
        return self.monotonic

    def time(self):
        return self.day

    def go_on(self, seconds):
        self.monotonic += seconds
        self.day += seconds


@pytest.fixture
def clock():
    return TwoClocks()


@pytest.fixture
def attempt(tmp_path, clock):
    paths = str(tmp_path / "a.1.out"), str(tmp_path / "a.1.err")
    attempt = Attempt(1, AgentOutput("run", "a", 1, *paths), 0, "shim")
    attempt.begin(clock)
    return attempt


def write(attempt, clock):
    with open(attempt.paths.stdout, "a") as file:
        file.write("x")
    os.utime(attempt.paths.stdout, (clock.day, clock.day))


def test_silence_lasts_from_the_last_write(attempt, clock):
    clock.go_on(10)
    write(attempt, clock)
    clock.go_on(4)
    assert attempt.silence(clock) == pytest.approx(4)
    clock.go_on(3)
    assert attempt.silence(clock) == pytest.approx(7)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_was_set_makes_nobody_silent_who_has_just_printed(attempt, clock, jump):
    clock.go_on(55)
    write(attempt, clock)
    clock.go_on(5)
    clock.day += jump
    assert attempt.silence(clock) <= 5


def test_without_a_write_a_clock_that_was_set_hides_no_silence(attempt, clock):
    clock.go_on(30)
    clock.day += 3600
    clock.go_on(30)
    assert attempt.silence(clock) == pytest.approx(60)
