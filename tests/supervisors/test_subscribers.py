"""Iterating over what happens in a run and what its agents print, at any pace, anywhere."""

import asyncio
import contextlib
import gc
import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from actorch.actors import (
    AgentChanged,
    AgentOutput,
    AgentState,
    DispatcherClosedError,
    RunFinished,
    RunStarted,
    UsageError,
    WouldBlockError,
)
from actorch.supervisors import ActorSystem, Line
from actorch.supervisors import _inbox as inbox_module
from actorch.supervisors._inbox import EventInbox
from fleets import CEILING, at_once, python, shell, wait_for_file, wait_until

FLOOD = """
import hashlib, os
block = b"".join(b"%07d " % n + b"x" * 71 + b"\\n" for n in range(13_000))
for _ in range({blocks}):
    os.write(1, block)
"""
"""A bit more than 1 MB of 80-byte lines, again and again."""
BLOCK = b"".join(b"%07d " % n + b"x" * 71 + b"\n" for n in range(13_000))


def flood(name, blocks, **options):
    return python(name, FLOOD.format(blocks=blocks), **options)


def gated(name, place, before, after, **options):
    script = (
        f"{before}; touch {place}/{name}; until test -e {place}/go; do sleep 0.01; done; {after}"
    )
    return shell(name, script, **options)


def texts(lines):
    return [line.text for line in lines]


def digest(lines):
    whole = hashlib.sha256()
    for line in lines:
        whole.update(line.text.encode() + b"\n" * line.newline)
    return whole.hexdigest()


def receivers(system):
    events = system.events
    signals = events.run_started, events.agent_changed, events.agent_output, events.run_finished
    return sum(len(signal.receivers) for signal in signals)


def wait_for_none(system):
    wait_until(lambda: receivers(system) == 0, "the end of every subscription")


def states(events):
    return [event.agent.state.value for event in events if isinstance(event, AgentChanged)]


def assert_no_gap(events):
    """The first event has the rows as they stand, and each change is of the row before it."""
    assert isinstance(events[0], RunStarted)
    rows = {row.name: row for row in events[0].agents}
    for event in events:
        if isinstance(event, AgentChanged):
            assert event.previous == rows[event.agent.name]
            rows[event.agent.name] = event.agent
    assert all(row.state.final for row in rows.values())


def test_the_events_of_a_run_come_in_order_and_end_with_its_verdict(system):
    events = list(system.run([shell("a", "echo hello")]).events())
    assert_no_gap(events)
    assert states(events)[-2:] == ["running", "succeeded"]
    assert any(isinstance(event, AgentOutput) for event in events)
    assert [type(event) for event in events].index(RunFinished) == len(events) - 1
    assert events[-1].run.verdict == "ok"
    wait_for_none(system)


def test_the_events_of_another_run_are_not_among_them(system):
    one, two = system.run([shell("a", "true")]), system.run([shell("b", "true")])
    events, others = one.events(), two.events()
    assert {e.agent.name for e in events if isinstance(e, AgentChanged)} == {"a"}
    assert {e.agent.name for e in others if isinstance(e, AgentChanged)} == {"b"}


def test_of_a_run_that_is_over_there_is_nothing_to_come(system):
    run = system.run([shell("a", "true")])
    run.wait(CEILING)
    assert list(run.events()) == []
    wait_for_none(system)
    system.close()
    assert list(run.events()) == []


def test_events_and_lines_are_iterated_in_asyncio(system):
    async def app():
        run = system.run([shell("a", "echo one; echo two >&2")])
        events = [event async for event in run.events()]
        lines = [(line.stream, line.text) async for line in run.lines("a")]
        return events, lines

    events, lines = asyncio.run(app())
    assert isinstance(events[-1], RunFinished)
    assert lines == [("stdout", "one"), ("stderr", "two")]
    wait_for_none(system)


def test_whoever_comes_late_hears_what_comes_from_then_on(system, tmp_path):
    run = system.run([gated("a", tmp_path, "echo early", "echo late")])
    wait_for_file(tmp_path / "a")
    running = AgentState.RUNNING
    wait_until(lambda: system.snapshot().of(run.id)[0].state is running, "its row")
    with run.events() as events:
        first = next(events)
        assert [row.state for row in first.agents] == [running]
        assert isinstance(next(events), AgentOutput)
        (tmp_path / "go").touch()
        rest = list(events)
    assert_no_gap([first, *rest])
    assert states(rest) == ["succeeded"]
    assert isinstance(rest[-1], RunFinished)


def test_agents_end_though_nobody_consumes(system):
    run = system.run([flood(f"a{n}", 3) for n in range(4)])
    events, lines = run.events(), [run.lines(f"a{n}") for n in range(4)]
    assert run.wait(CEILING).ok
    late = list(events)
    assert len([event for event in late if isinstance(event, AgentOutput)]) <= 4
    assert isinstance(late[-1], RunFinished)
    assert all(digest(one) == hashlib.sha256(BLOCK * 3).hexdigest() for one in lines)


def test_a_consumer_that_is_late_for_50_mb_gets_every_line(system):
    run = system.run([flood("a", 50)])
    lines = run.lines("a")
    first = next(lines)
    assert first == Line("a", 1, "stdout", "0000000 " + "x" * 71)
    run.wait(CEILING)
    whole = hashlib.sha256(b"0000000 " + b"x" * 71 + b"\n")
    count = 1
    for line in lines:
        whole.update(line.text.encode() + b"\n")
        count += 1
    assert (count, whole.hexdigest()) == (50 * 13_000, hashlib.sha256(BLOCK * 50).hexdigest())


def test_lines_are_followed_while_they_are_printed(system, tmp_path):
    run = system.run([gated("a", tmp_path, "echo one; printf half", "echo ' whole'; printf rest")])
    lines = run.lines("a")
    assert next(lines).text == "one"
    (tmp_path / "go").touch()
    assert list(lines) == [
        Line("a", 1, "stdout", "half whole"),
        Line("a", 1, "stdout", "rest", newline=False),
    ]
    wait_for_none(system)


def test_lines_go_on_from_one_attempt_to_the_next(system):
    script = 'echo out $ACTORCH_ATTEMPT; printf "err $ACTORCH_ATTEMPT" >&2; exit 1'
    run = system.run([shell("a", script, retry=at_once(3, retry_on="any"))])
    lines = list(run.lines("a"))
    assert [(line.attempt, line.stream, line.text) for line in lines] == [
        (number, stream, f"{word} {number}")
        for number in (1, 2, 3)
        for stream, word in (("stdout", "out"), ("stderr", "err"))
    ]
    assert texts(run.lines("a", stream="stderr")) == ["err 1", "err 2", "err 3"]
    assert texts(run.lines("a", stream="stdout", attempt=2)) == ["out 2"]
    assert texts(run.lines("a", attempt=4)) == []


def test_an_attempt_that_never_comes_is_not_waited_for(system):
    run = system.run([shell("a", "true", retry=at_once(3))])
    assert list(run.lines("a", attempt=2)) == []


def test_lines_of_an_agent_that_is_over_are_read_from_its_files(state):
    with ActorSystem(state_dir=state) as system:
        run = system.run([shell("a", "echo one; echo two >&2"), shell("b", "true")])
        run.wait(CEILING)
        assert texts(run.lines("a")) == ["one", "two"]
        assert list(run.lines("b")) == []
    os.unlink(f"{run.directory}/a.1.err")
    assert texts(run.lines("a")) == ["one"]


def test_an_agent_that_never_started_has_no_lines(system, tmp_path):
    run = system.run([gated("a", tmp_path, "true", "true"), shell("b", "true")], max_concurrent=1)
    lines = run.lines("b")
    run.stop("b")
    assert list(lines) == []
    (tmp_path / "go").touch()


def test_text_is_as_it_was_printed_but_for_what_is_no_utf_8(system):
    run = system.run([python("a", r"import os; os.write(1, b'\x1b[31mred\r\n\xff\xc3\xa9\n')")])
    assert texts(run.lines("a")) == ["\x1b[31mred\r", "\ufffdé"]


@pytest.mark.parametrize("stdio", ["file", "pipe", "pty"])
def test_lines_that_went_to_one_file_come_once(system, stdio):
    merged = shell("a", "echo out; echo err >&2", stdio=stdio, merge=True)
    run = system.run([merged])
    lines = [line.text.rstrip("\r") for line in run.lines("a")]
    assert lines == ["out", "err"]
    assert texts(run.lines("a", stream="stderr")) == []


def test_of_an_agent_that_keeps_its_tail_the_tail_is_there(system):
    most = 1 << 20
    run = system.run([flood("a", 20, output_max=most, on_output_max="keep-tail")])
    live = list(run.lines("a"))
    late = list(run.lines("a"))
    for lines in (live, late):
        assert "\0" not in lines[-1].text
        assert lines[-1].text == BLOCK.splitlines()[-1].decode()
    assert sum(len(line.text) + 1 for line in late) <= most + (1 << 13)


def test_a_line_of_100_mb_comes_in_parts(system):
    code = (
        "import os\nfor _ in range(100): os.write(1, 'é'.encode() * 500_000)\nos.write(1, b'!\\n')"
    )
    lines = system.run([python("a", code)]).lines("a")
    sizes, ends = [], []
    for line in lines:
        sizes.append(len(line.text.encode()))
        ends.append(line.newline)
    assert sum(sizes) == 100_000_001
    assert max(sizes) <= 1 << 20
    assert ends == [False] * (len(ends) - 1) + [True]


@pytest.mark.parametrize(
    ("agent", "options", "words"),
    [
        ("b", {}, "has no agent named 'b'"),
        ("a", {"stream": "stdin"}, "must be both, stdout or stderr"),
        ("a", {"attempt": 0}, "must be at least 1"),
        ("a", {"attempt": True}, "must be at least 1"),
    ],
)
def test_what_there_is_not_is_refused(system, agent, options, words):
    run = system.run([shell("a", "true")])
    with pytest.raises(UsageError, match=words):
        run.lines(agent, **options)


def test_two_consumers_at_once_get_the_same(system):
    run = system.run([flood("a", 5)])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: digest(run.lines("a")), range(4)))
    assert set(found) == {hashlib.sha256(BLOCK * 5).hexdigest()}
    wait_for_none(system)


def test_two_loops_on_two_threads_iterate_over_one_run(system, tmp_path):
    run = system.run([gated("a", tmp_path, "true", "seq 1000")])

    async def app():
        return [line.text async for line in run.lines("a")]

    with ThreadPoolExecutor(2) as pool:
        consumers = [pool.submit(asyncio.run, app()) for _ in range(2)]
        wait_for_file(tmp_path / "a")
        (tmp_path / "go").touch()
        for consumer in consumers:
            assert consumer.result(CEILING) == [str(n + 1) for n in range(1000)]


def test_the_event_loop_goes_on_while_a_flood_is_iterated(system):
    beats = 0

    async def heartbeat():
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    async def app():
        run = system.run([flood("a", 10)])
        await run  # so that there always is a next line
        beating = asyncio.create_task(heartbeat())
        count = 0
        async for _line in run.lines("a"):
            count += 1
        beating.cancel()
        return count

    count = asyncio.run(app())
    assert count == 130_000
    assert beats >= count / 200


def test_a_cancelled_consumer_loses_nothing_and_is_gone(system, tmp_path):
    async def app():
        run = system.run([gated("a", tmp_path, "echo one", "echo two")])
        lines = run.lines("a")
        assert (await anext(lines)).text == "one"
        waiting = asyncio.create_task(anext(lines))
        while lines._inbox._waiting is None:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        (tmp_path / "go").touch()
        assert (await anext(lines)).text == "two"
        await lines.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(lines)

    asyncio.run(app())
    wait_for_none(system)


def test_a_loop_that_was_closed_meanwhile_disturbs_nobody(system, tmp_path):
    run = system.run([gated("a", tmp_path, "true", "echo late")])
    lines = run.lines("a")

    async def app():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(lines)

    asyncio.run(app())
    (tmp_path / "go").touch()
    assert texts(lines) == ["late"]


def test_leaving_the_block_ends_the_subscription(system, tmp_path):
    async def app(run):
        async with run.events() as events:
            await anext(events)
        return [event async for event in events]

    run = system.run([gated("a", tmp_path, "true", "true")])
    with run.lines("a") as lines:
        pass
    assert list(lines) == []
    wait_for_file(tmp_path / "a")
    assert asyncio.run(app(system.run([shell("b", "true")]))) == []
    wait_for_none(system)
    (tmp_path / "go").touch()


def test_closing_ends_the_wait_of_another_thread(system, tmp_path):
    run = system.run([gated("a", tmp_path, "true", "true")])
    lines = run.lines("a")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(list, lines)
        wait_until(lambda: lines._inbox._waiting is not None, "the wait")
        lines.close()
        lines.close()
        assert waiting.result(CEILING) == []
    (tmp_path / "go").touch()


def test_what_is_forgotten_is_unsubscribed(system, tmp_path):
    run = system.run([gated("a", tmp_path, "true", "true")])
    for _ in range(1000):
        run.events(), run.lines("a")
    lines = run.lines("a")
    wait_until(lambda: receivers(system) == 4, "one subscription")
    del lines
    gc.collect()
    wait_for_none(system)
    (tmp_path / "go").touch()


@pytest.mark.parametrize("method", ["events", "lines"])
def test_a_collection_in_the_middle_of_an_event_hangs_nobody(system, tmp_path, monkeypatch, method):
    run = system.run([gated("a", tmp_path, "true", "true")])
    items = getattr(run, method)(*["a"] * (method == "lines"))
    inbox = items._inbox
    cycle = [items]
    cycle.append(cycle)
    del items, cycle
    monkeypatch.setattr(inbox, "_keep", lambda _event: gc.collect())
    thread = threading.Thread(target=inbox.put, args=(changed("a", 1),), daemon=True)
    thread.start()
    thread.join(CEILING)
    assert not thread.is_alive()
    wait_until(lambda: inbox.closed, "its end")
    (tmp_path / "go").touch()


def test_iterating_in_a_receiver_is_refused_instead_of_hanging(system):
    caught = []

    def receiver(_sender, *, event):
        for items in (run.events(), run.lines("a")):
            try:
                next(items)
            except WouldBlockError as error:
                caught.append(str(error))

    system.events.run_started.connect(receiver)
    run = system.run([shell("a", "true")])
    run.wait(CEILING)
    assert len(caught) == 2
    assert "iterating over a run would block" in caught[0]


def test_a_forked_child_is_told_to_iterate_in_its_parent(system, tmp_path):
    run = system.run([gated("a", tmp_path, "true", "true")])
    lines = run.lines("a")
    pid = os.fork()
    if pid == 0:
        told = 0
        for attempt in (run.events, lambda: run.lines("a"), lambda: next(lines)):
            try:
                attempt()
            except DispatcherClosedError:
                told += 1
        os._exit(told)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    (tmp_path / "go").touch()


def test_closing_the_system_ends_every_iteration(state, tmp_path):
    system = ActorSystem(state_dir=state)
    run = system.run([gated("a", tmp_path, "echo one", "true")])
    wait_for_file(tmp_path / "a")
    with ThreadPoolExecutor(2) as pool:
        events, lines = pool.submit(list, run.events()), pool.submit(list, run.lines("a"))
        wait_until(lambda: receivers(system) == 4, "the subscriptions")
        system.close()
        assert events.result(CEILING)[-1].run.verdict == "cancelled"
        assert texts(lines.result(CEILING)) == ["one"]
    assert receivers(system) == 0


@pytest.mark.filterwarnings("default")
def test_an_iteration_ends_with_the_run_though_nobody_announces_that(system, tmp_path):
    run = system.run([gated("a", tmp_path, "echo one", "true")])
    wait_for_file(tmp_path / "a")
    with ThreadPoolExecutor(2) as pool:
        events, lines = pool.submit(list, run.events()), pool.submit(list, run.lines("a"))
        wait_until(lambda: receivers(system) == 4, "the subscriptions")
        system._registry.tell(object())  # it crashes on what it does not know
        system._registry.kill()
        run.wait(CEILING)
        events.result(CEILING)
        assert texts(lines.result(CEILING)) == ["one"]


def test_nobody_follows_files_once_nobody_looks(system, tmp_path):
    def inotify():
        found = []
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"/proc/self/fd/{number}"))
        return "anon_inode:inotify" in found

    script = f"while ! test -e {tmp_path}/go; do echo x; sleep 0.01; done"
    run = system.run([shell("a", script)])
    lines = run.lines("a")
    assert next(lines).text == "x"
    if os.path.exists("/proc/self/fd"):
        assert inotify()
        lines.close()
        wait_until(lambda: not inotify(), "the end of following")
    (tmp_path / "go").touch()
    assert run.wait(CEILING).ok


class Board:
    run_id = "run"


def changed(name, revision, state=AgentState.RUNNING, previous=None):
    from actorch.actors import AgentRow

    row = AgentRow(run_id="run", name=name, state=state, revision=revision)
    return AgentChanged(row, previous)


def drain(inbox):
    return list(iter(inbox.next, None))


def test_an_inbox_holds_one_piece_of_news_about_the_output_of_an_attempt():
    inbox = EventInbox(Board())
    first, second = AgentOutput("run", "a", 1, "o", "e"), AgentOutput("run", "a", 2, "o", "e")
    for event in (first, first, second, first):
        inbox.put(event)
    assert drain(inbox) == [first, second]
    inbox.put(first)
    assert drain(inbox) == [first]


def test_a_full_inbox_merges_the_changes_of_an_agent(monkeypatch):
    monkeypatch.setattr(inbox_module, "KEPT", 3)
    inbox = EventInbox(Board())
    begin = changed("a", 1).agent
    output = AgentOutput("run", "a", 1, "o", "e")
    inbox.put(changed("a", 2, previous=begin))
    inbox.put(output)
    inbox.put(changed("b", 3))
    for revision in range(4, 1000):
        inbox.put(changed("a", revision, previous=changed("a", revision - 1).agent))
    assert drain(inbox) == [output, changed("b", 3), changed("a", 999, previous=begin)]
    inbox.put(changed("a", 1000))
    assert drain(inbox) == [changed("a", 1000)]


def test_whenever_one_subscribes_there_is_no_gap(system):
    run = system.run([shell(f"a{n}", "echo hello", retry=at_once(2)) for n in range(30)])
    found = []
    while not run.done():
        found.append(run.events())
        system.snapshot()
    for events in found:
        if heard := list(events):
            assert_no_gap(heard)
            assert isinstance(heard[-1], RunFinished)
    assert len(found) > 1


def test_subscribing_and_closing_on_many_threads_disturbs_no_run(system):
    run = system.run([shell(f"a{n}", "echo hello") for n in range(20)])
    stop = threading.Event()

    def come_and_go(_):
        while not stop.is_set():
            with run.events(), run.lines("a3") as lines:
                next(lines, None)

    with ThreadPoolExecutor(4) as pool:
        going = pool.map(come_and_go, range(4))
        assert run.wait(CEILING).ok
        stop.set()
        list(going)
    wait_for_none(system)
