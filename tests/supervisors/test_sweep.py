"""The order in which children that depend on each other are stopped and started."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.supervisors._sweep import Sweep


@dataclass(eq=False)
class One:
    place: int
    alive: bool
    wanted: bool = True

    @property
    def up(self) -> bool:
        return self.alive


def carried_out(sweep: Sweep[One]) -> tuple[list[int], list[int]]:
    """Who was stopped and who was started, each order carried out at once."""
    stopped: list[int] = []
    started: list[int] = []
    while True:
        if (one := sweep.next_to_stop()) is not None:
            one.alive = False
            stopped.append(one.place)
        elif (one := sweep.next_to_start()) is not None:
            one.alive = True
            started.append(one.place)
        else:
            return stopped, started


flags = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12)


def children_of(states: list[tuple[bool, bool]]) -> list[One]:
    return [One(place, alive, wanted) for place, (alive, wanted) in enumerate(states)]


@given(flags, st.integers(0, 12))
def test_all_from_the_floor_on_are_stopped_in_reverse_and_those_wanted_started_in_order(
    states, floor
) -> None:
    children = children_of(states)
    stopped, started = carried_out(Sweep(children, floor, down=True))
    concerned = [place for place in range(len(states)) if place >= floor]
    assert stopped == [place for place in reversed(concerned) if states[place][0]]
    assert started == [place for place in concerned if states[place][1]]
    assert [one.alive for one in children[:floor]] == [alive for alive, _ in states[:floor]]


@given(flags)
def test_on_the_way_up_those_that_run_are_left_alone(states) -> None:
    stopped, started = carried_out(Sweep(children_of(states), down=False))
    assert stopped == []
    assert started == [
        place for place, (alive, wanted) in enumerate(states) if wanted and not alive
    ]


@given(st.integers(1, 8), st.integers(0, 7), st.integers(0, 16), st.integers(0, 7))
def test_a_second_failure_sends_it_down_again_but_not_to_those_that_are_up_already(
    count, floor, steps, second
) -> None:
    children = [One(place, True) for place in range(count)]
    floor, second = min(floor, count - 1), min(second, count - 1)
    sweep = Sweep(children, floor, down=True)
    for _ in range(steps):
        if (one := sweep.next_to_stop()) is not None:
            one.alive = False
        elif (one := sweep.next_to_start()) is not None:
            one.alive = True
    down = sweep.next_to_stop() is not None
    waiting = sweep.next_to_start()
    reached = floor if down else count if waiting is None else waiting.place
    children[second].alive = False
    alive = [one.place for one in children if one.alive]
    sweep.again(second)
    stopped, started = carried_out(sweep)
    lower = min(second, reached)
    assert stopped == [place for place in reversed(alive) if place >= lower]
    assert started == list(range(lower, count))
    assert all(one.alive for one in children)


def test_nobody_is_started_before_the_one_earlier_is_up() -> None:
    first, second = One(0, False), One(1, False)
    sweep = Sweep([first, second], down=False)
    assert sweep.next_to_start() is first
    assert sweep.next_to_start() is first
    first.alive = True
    assert sweep.next_to_start() is second


def test_nobody_is_stopped_before_the_one_later_has_ended() -> None:
    first, second = One(0, True), One(1, True)
    sweep = Sweep([first, second], down=True)
    assert sweep.next_to_stop() is second
    assert sweep.next_to_stop() is second
    second.alive = False
    assert sweep.next_to_stop() is first


@pytest.mark.parametrize("earlier", [True, False])
def test_who_comes_while_it_is_on_its_way_is_started_too(earlier: bool) -> None:
    first, second, third = One(0, True), One(1, False), One(2, False)
    first.wanted = first.alive = not earlier
    sweep = Sweep([first, second], down=False)
    assert sweep.next_to_start() is second
    sweep.append(third)
    first.wanted = True
    sweep.revisit()
    _stopped, started = carried_out(sweep)
    assert started == ([0, 1, 2] if earlier else [1, 2])
