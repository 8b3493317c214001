"""Who is started next, as far as concurrency and the breaker allow."""

from actorch.supervisors import Breaker
from actorch.supervisors._breaker import BreakerState
from actorch.supervisors._start_queue import StartQueue


def taken(queue: StartQueue, now: float = 0.0) -> list[str]:
    found: list[str] = []
    while (child := queue.take(now)) is not None:
        queue.began(child)
        found.append(child)
    return found


def test_children_are_started_in_the_order_in_which_their_backoffs_were_over() -> None:
    queue = StartQueue(None, None)
    for child in "cab":
        queue.add(child)
    assert taken(queue) == ["c", "a", "b"]
    assert taken(queue) == []


def test_no_more_are_starting_at_once_than_allowed() -> None:
    queue = StartQueue(2, None)
    for child in "abcde":
        queue.add(child)
    assert taken(queue) == ["a", "b"]
    queue.ready("a")
    assert taken(queue) == ["c"]
    queue.ready("x")
    assert taken(queue) == []
    queue.forget("b")
    queue.forget("d")
    assert taken(queue) == ["e"]


def test_who_is_started_otherwise_takes_a_place_too() -> None:
    queue = StartQueue(1, None)
    queue.add("a")
    queue.add("b")
    queue.began("a")
    assert taken(queue) == []
    queue.ready("a")
    assert taken(queue) == ["b"]


def test_an_open_breaker_holds_all_back_and_lets_one_through_after_the_pause() -> None:
    breaker = BreakerState(Breaker(share=1.0, at_least=2, pause=10.0))
    queue = StartQueue(None, breaker)
    for child in "ab":
        breaker.failed(child, "outage", 0.0, 2)
        queue.add(child)
    assert taken(queue, 9.0) == []
    assert taken(queue, 10.0) == ["a"]
    assert taken(queue, 11.0) == []
    breaker.recovered("a", 11.0)
    assert taken(queue, 11.0) == ["b"]
