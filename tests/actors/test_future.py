"""Futures: pykka's rules, callbacks, and asyncio."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest

from actorch.actors._future import Future

LONG = 20.0


def failed(error: BaseException) -> Future[Any]:
    future = Future[Any]()
    future.set_exception((type(error), error, None))
    return future


def done(value: Any) -> Future[Any]:
    future = Future[Any]()
    future.set(value)
    return future


# pykka's rules.


def test_the_value_can_be_had_many_times() -> None:
    future = done([1])
    assert future.get() is future.get(timeout=0)


def test_without_a_value_in_time_there_is_a_timeout() -> None:
    for timeout in (0, 0.01, -1):
        with pytest.raises(pykka.Timeout, match=f"{timeout} seconds"):
            Future[int]().get(timeout=timeout)


def test_a_timeout_leaves_the_future_as_it_was() -> None:
    future = Future[int]()
    for _ in range(100):
        with pytest.raises(pykka.Timeout):
            future.get(timeout=0.0001)
    assert future._callbacks == []
    future.set(1)
    assert future.get() == 1


def test_a_waiting_thread_is_woken_by_the_value() -> None:
    future = Future[int]()
    got: list[int] = []
    threads = [
        threading.Thread(target=lambda: got.append(future.get(timeout=LONG))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    future.set(7)
    for thread in threads:
        thread.join()
    assert got == [7] * 5


def test_a_value_is_set_once_only() -> None:
    for first in (done(1), failed(ValueError())):
        with pytest.raises(queue.Full):
            first.set(2)
        with pytest.raises(queue.Full):
            first.set_exception((ValueError, ValueError(), None))
        with pytest.raises(queue.Full):
            first.set_get_hook(lambda _timeout: 2)


def test_an_exception_is_raised_with_the_traceback_it_came_with() -> None:
    future = Future[int]()
    try:
        raise ValueError("original")
    except ValueError as error:
        future.set_exception()
        traceback = error.__traceback__
    for _ in range(3):
        with pytest.raises(ValueError, match="original") as caught:
            future.get()
        frames = [entry.name for entry in caught.traceback]
        assert frames[-1] == "test_an_exception_is_raised_with_the_traceback_it_came_with"
        assert caught.value.__traceback__ is not traceback
        assert len(frames) <= 4, "it does not grow with each get"


def test_an_exception_may_be_given_as_a_class_only() -> None:
    future = Future[int]()
    future.set_exception((ValueError, None, None))
    with pytest.raises(ValueError, match=r"^$"):
        future.get()


def test_a_get_hook_is_called_once_with_the_timeout() -> None:
    asked: list[float | None] = []
    future = Future[int]()
    future.set_get_hook(lambda timeout: asked.append(timeout) or 5)  # type: ignore[func-returns-value]
    assert not future.done()
    assert future.get() == 5
    assert future.get(timeout=3) == 5
    assert asked == [None]
    assert future.done()
    with pytest.raises(queue.Full):
        future.set(1)
    with pytest.raises(queue.Full):
        future.set_exception((ValueError, None, None))


def test_a_get_hook_that_raised_is_asked_again() -> None:
    outcomes: list[Any] = [ValueError("not yet"), 5]

    def hook(_timeout: float | None) -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return int(outcome)

    future = Future[int]()
    future.set_get_hook(hook)
    with pytest.raises(ValueError, match="not yet"):
        future.get()
    assert future.get() == 5


def test_a_get_hook_runs_in_one_thread_however_many_ask() -> None:
    calls: list[int] = []
    entered, go = threading.Event(), threading.Event()

    def hook(_timeout: float | None) -> int:
        entered.set()
        go.wait(LONG)
        calls.append(1)
        return 5

    future = Future[int]()
    future.set_get_hook(hook)
    threads = [threading.Thread(target=future.get) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert entered.wait(LONG)
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0.01)
    go.set()
    for thread in threads:
        thread.join()
    assert calls == [1]


def test_map_filter_reduce_and_join_work_the_value_out_when_asked() -> None:
    source = Future[Any]()
    mapped = source.map(lambda numbers: len(numbers))
    filtered = source.filter(lambda number: number > 10)
    summed = source.reduce(lambda total, number: total + number)
    summed_from = source.reduce(lambda total, number: total + number, 100)
    joined = source.join(done("b"), done("c"))
    source.set(range(8, 13))
    assert mapped.get() == 5
    assert filtered.get() == [11, 12]
    assert summed.get() == 50
    assert summed_from.get() == 150
    assert joined.get() == [range(8, 13), "b", "c"]
    assert joined.map(len).get() == 3  # type: ignore[arg-type]


def test_filter_and_reduce_of_what_cannot_be_iterated_raise() -> None:
    with pytest.raises(TypeError):
        done(1).filter(lambda _item: True).get()
    with pytest.raises(TypeError):
        done(1).reduce(lambda total, _item: total).get()
    with pytest.raises(TypeError):
        done([]).reduce(lambda total, _item: total).get()


def test_our_futures_join_those_of_pykka() -> None:
    other: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    joined = done(1).join(other)
    assert not joined.done()
    other.set(2)
    assert joined.get(timeout=LONG) == [1, 2]
    assert joined.done()
    assert list(pykka.get_all([done(1), other])) == [1, 2]


# Callbacks.


def test_a_callback_gets_the_future_at_once_if_it_is_done_and_else_when_it_is() -> None:
    got: list[Future[Any]] = []
    future = Future[int]()
    future.add_done_callback(got.append)
    assert got == []
    future.set(1)
    assert got == [future]
    future.add_done_callback(got.append)
    assert got == [future, future]


def test_callbacks_run_in_order_in_the_thread_that_sets() -> None:
    order: list[tuple[int, int]] = []
    future = Future[int]()
    for number in range(3):
        future.add_done_callback(lambda _f, n=number: order.append((n, threading.get_ident())))
    setter = threading.Thread(target=future.set)
    setter.start()
    setter.join()
    assert order == [(number, setter.ident) for number in range(3)]


def test_a_callback_that_raises_is_logged_and_keeps_nobody_from_the_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_future: object) -> None:
        raise SystemExit("broken callback")

    got: list[object] = []
    future = Future[int]()
    future.add_done_callback(broken)
    future.add_done_callback(got.append)
    future.set(1)
    assert got == [future]
    assert "broken callback" in caplog.text


@pytest.mark.parametrize(
    "make",
    [
        lambda a, b: a.map(lambda value: value),
        lambda a, b: a.join(b),
        lambda a, b: a.join(b).map(list),
        lambda a, b: b.join(a, done(0)).filter(bool),
    ],
)
def test_a_future_made_from_others_is_done_when_the_last_of_them_is(
    make: Callable[[Future[Any], Future[Any]], Future[Any]],
) -> None:
    a, b = Future[Any](), Future[Any]()
    made = make(a, b)
    got: list[Future[Any]] = []
    made.add_done_callback(got.append)
    assert not made.done()
    b.set(1)
    assert not made.done()
    assert got == []
    a.set(2)
    assert made.done()
    assert got == [made]


def test_a_future_made_from_many_is_done_though_they_are_done_at_once() -> None:
    sources = [Future[int]() for _ in range(3000)]
    joined = sources[0].join(*sources[1:])
    got = threading.Event()
    joined.add_done_callback(lambda _future: got.set())
    setters = [
        threading.Thread(target=lambda part: [f.set(1) for f in part], args=(sources[n::4],))
        for n in range(4)
    ]
    for setter in setters:
        setter.start()
    assert got.wait(LONG)
    for setter in setters:
        setter.join()
    assert len(list(joined.get(timeout=0))) == 3000


def test_the_name_of_a_future_shows_how_it_stands() -> None:
    source = Future[int]()
    mapped = source.map(str)
    assert repr(source) == repr(mapped) == "<Future: pending>"
    source.set(1)
    assert repr(source) == "<Future: 1>"
    assert repr(mapped) == "<Future: ready>"
    mapped.get()
    assert repr(mapped) == "<Future: '1'>"
    assert repr(failed(ValueError("x"))) == "<Future: ValueError('x')>"


# asyncio.


@pytest.mark.parametrize("derive", [False, True], ids=["plain", "mapped"])
def test_await_does_not_block_the_loop(derive: bool) -> None:
    async def main() -> None:
        source = Future[int]()
        waiting = source.map(lambda number: number * 2) if derive else source
        task = asyncio.ensure_future(_awaited(waiting))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not task.done()
        setter = threading.Thread(target=source.set, args=(21,))
        setter.start()
        assert await asyncio.wait_for(task, LONG) == (42 if derive else 21)
        setter.join()

    asyncio.run(main())


def test_waits_that_were_given_up_leave_nothing_behind() -> None:
    future: Future[int] = Future()

    async def main() -> None:
        for _ in range(50):
            task = asyncio.ensure_future(_awaited(future))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0.001)
    assert future._callbacks == []


async def _awaited(future: Future[Any]) -> Any:
    return await future


def test_await_of_a_hook_that_blocks_does_not_block_the_loop() -> None:
    async def main() -> None:
        go = threading.Event()
        future = Future[bool]()
        future.set_get_hook(lambda _timeout: go.wait(LONG))
        task = asyncio.ensure_future(_awaited(future))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not task.done()
        go.set()
        assert await asyncio.wait_for(task, LONG) is True

    asyncio.run(main())


def test_await_raises_what_the_future_holds() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="held"):
            await failed(ValueError("held"))
        assert await done(3) == 3

    asyncio.run(main())


def test_an_await_that_is_cancelled_leaves_the_future_to_others() -> None:
    async def main() -> None:
        future = Future[int]()
        task = asyncio.ensure_future(_awaited(future))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        future.set(1)
        assert await future == 1

    asyncio.run(main())


def test_a_future_set_after_the_loop_was_closed_does_no_harm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    future = Future[int]()

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(_awaited(future), 0.01)

    asyncio.run(main())
    future.set(1)
    assert future.get() == 1
    assert caplog.records == []


def test_many_tasks_await_one_future() -> None:
    async def main() -> None:
        future = Future[int]()
        tasks = [asyncio.ensure_future(_awaited(future)) for _ in range(20)]
        await asyncio.sleep(0)
        threading.Thread(target=future.set, args=(5,)).start()
        assert await asyncio.gather(*tasks) == [5] * 20

    asyncio.run(main())
