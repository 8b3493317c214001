"""A system in an asyncio app: its end blocks no event loop, and is not undone by a cancellation."""

import asyncio
import threading

import pytest

from actorch.actors import AgentState, DispatcherClosedError, StopPlan
from actorch.supervisors import ActorSystem, Verdict
from fleets import CEILING, shell, wait_for_file, wait_until
from snares import Snare


def threads():
    return [one.name for one in threading.enumerate() if one.name.startswith("actorch")]


def test_a_heartbeat_goes_on_while_agents_take_their_time_to_stop(state, tmp_path):
    # The agent stops once the heartbeat has beaten fifty times since it was told to; if the event
    # loop stood still, it would be killed for the lack of it.
    script = (
        f"trap 'touch {tmp_path}/told' TERM; touch {tmp_path}/up; "
        f"until test -e {tmp_path}/go; do sleep 0.01; done; exit 7"
    )
    beats = {"before": 0, "closing": 0}

    async def heart():
        while True:
            await asyncio.sleep(0.002)
            told = (tmp_path / "told").exists()
            beats["closing" if told else "before"] += 1
            if beats["closing"] == 50:
                (tmp_path / "go").touch()

    async def main():
        beating = asyncio.ensure_future(heart())
        patient = StopPlan.parse(["TERM", f"{CEILING}s", "KILL"])
        async with ActorSystem(state_dir=state) as system:
            run = system.run([shell("a", script, stop=patient)])
            await asyncio.to_thread(wait_for_file, tmp_path / "up")
        beating.cancel()
        return run

    run = asyncio.run(main())
    agent = run.wait(0)["a"]
    assert beats["closing"] >= 50
    assert (agent.state, agent.exit.code) == (AgentState.CANCELLED, 7)


def test_the_system_is_closed_after_the_block_whatever_happened_in_it(state):
    async def main():
        async with ActorSystem(state_dir=state) as system:
            run = system.run([shell("a", "exec sleep 600")])
            raise LookupError(system, run)

    with pytest.raises(LookupError) as caught:
        asyncio.run(main())
    system, run = caught.value.args
    assert run.wait(0).verdict is Verdict.CANCELLED
    with pytest.raises(DispatcherClosedError):
        system.run([shell("b", "true")])
    wait_until(lambda: not threads(), "the end of the threads")


def test_cancelling_whoever_awaits_the_end_does_not_leave_the_system_half_closed(state):
    snare = Snare()

    async def main():
        system = ActorSystem(state_dir=state)
        run = system.run([shell("a", "exec sleep 600")])
        system.on_shutdown("drain", snare.never_returns, timeout=CEILING)
        closing = asyncio.ensure_future(system.aclose())
        await asyncio.to_thread(snare.caught)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert not run.done()
        snare.release.set()
        await system.aclose()
        return run

    assert asyncio.run(main()).wait(0).verdict is Verdict.CANCELLED


def test_many_may_await_the_end_and_those_who_come_later_as_well(state):
    async def main():
        system = ActorSystem(state_dir=state)
        await asyncio.gather(*(system.aclose() for _ in range(5)), asyncio.to_thread(system.close))
        await system.aclose()

    asyncio.run(main())


def test_a_timeout_has_killed_what_still_runs(state, tmp_path):
    async def main():
        system = ActorSystem(state_dir=state)
        script = f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 0.01; done"
        run = system.run([shell("a", script, stop=StopPlan.parse(["TERM", "600s", "KILL"]))])
        await asyncio.to_thread(wait_for_file, tmp_path / "up")
        await system.aclose(timeout=0.05)
        return run

    assert asyncio.run(main()).wait(0).verdict is Verdict.CANCELLED


def test_tasks_of_the_shutdown_that_are_coroutines_run_on_the_loop_they_were_registered_on(state):
    seen = []

    async def main():
        loop = asyncio.get_running_loop()

        async def task(phase):
            await asyncio.sleep(0)
            seen.append((phase, asyncio.get_running_loop() is loop))

        async with ActorSystem(state_dir=state) as system:
            for phase in ("drain", "flush", "end"):
                system.on_shutdown(phase, lambda phase=phase: task(phase))

    asyncio.run(main())
    assert seen == [("drain", True), ("flush", True), ("end", True)]


def test_a_coroutine_that_does_not_end_is_cancelled_and_logged_with_where_it_is(state, caplog):
    snare, cancelled = Snare(), []

    async def outer():
        try:
            await snare.never_goes_on()
        except asyncio.CancelledError:
            cancelled.append("outer")
            raise

    async def main():
        async with ActorSystem(state_dir=state) as system:
            system.on_shutdown("drain", outer, timeout=0.05)

    asyncio.run(main())
    assert cancelled == ["outer"]
    report = next(one for one in caplog.records if one.name == "actorch.shutdown").getMessage()
    assert report.index("in outer") < report.index("in never_goes_on")


def test_where_no_thread_is_to_be_had_the_system_is_closed_all_the_same(state, monkeypatch):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    async def main():
        system = ActorSystem(state_dir=state)
        run = system.run([shell("a", "exec sleep 600")])
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            await system.aclose()
        return run

    assert asyncio.run(main()).wait(0).verdict is Verdict.CANCELLED
