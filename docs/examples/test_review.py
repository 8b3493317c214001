"""Tests of an app that has changes reviewed: no process is started, and no second goes by."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from actorch.actors import (
    Actor,
    ActorRef,
    AgentChanged,
    AgentSpec,
    Backoff,
    Crashed,
    Dispatcher,
    RetryPolicy,
    RunFinished,
)
from actorch.actors.testing import (
    FakeProcesses,
    FakeScript,
    ManualClock,
    Probe,
    RecordedEvents,
    assert_terminated,
)
from actorch.supervisors import ActorSystem, Run, Verdict

# The app


def review(system: ActorSystem) -> Run:
    """Have a change reviewed by two tools."""
    again = RetryPolicy(max_attempts=2, backoff=Backoff(initial=30, jitter="none"))
    lint = AgentSpec("lint", ["ruff", "check", "."], timeout=60)
    opinion = AgentSpec("opinion", ["ask-the-model"], stdin="Is it good?", retry=again)
    return system.run([lint, opinion])


class Reporter(Actor):
    """Passes on the problems that are found."""

    def __init__(self, to: ActorRef) -> None:
        super().__init__()
        self.to = to

    def on_receive(self, message: object) -> None:
        self.to.tell(f"problem: {message.splitlines()[0]}")


# Its tests


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def fake() -> FakeProcesses:
    return FakeProcesses()


@pytest.fixture
def system(clock: ManualClock, fake: FakeProcesses, tmp_path: Path) -> Iterator[ActorSystem]:
    with ActorSystem(state_dir=str(tmp_path), clock=clock, processes=fake) as system:
        yield system


def test_the_model_is_given_the_question(system: ActorSystem, fake: FakeProcesses) -> None:
    assert review(system).wait(timeout=10).verdict is Verdict.OK
    [process] = fake.of("opinion")
    assert process.argv == ("ask-the-model",)
    assert process.stdin == b"Is it good?"


def test_a_busy_model_is_asked_again_half_a_minute_later(
    system: ActorSystem, fake: FakeProcesses, clock: ManualClock
) -> None:
    busy, answers = FakeScript().exits(75, after=2), FakeScript().prints("yes\n", after=5)
    fake.script("opinion", busy, answers)
    with RecordedEvents(system) as events:
        run = review(system)
        clock.advance(2 + 30 + 5)
        events.wait_for(RunFinished)
    assert run.wait(timeout=0)["opinion"].stdout == "yes\n"
    states = [event.agent.state for event in events.of(AgentChanged) if event.agent.name != "lint"]
    assert [state.value for state in states if state.value != "starting"] == [
        *("queued", "running", "backoff"),
        *("queued", "running", "succeeded"),
    ]


def test_a_tool_that_hangs_is_ended(
    system: ActorSystem, fake: FakeProcesses, clock: ManualClock
) -> None:
    fake.script("lint", FakeScript().runs_on().ignores(signal.SIGTERM))
    run = review(system)
    clock.advance(60)
    assert fake.of("lint")[0].signals == (signal.SIGTERM,)
    clock.advance(5)
    assert fake.of("lint")[0].signals == (signal.SIGTERM, signal.SIGKILL)
    assert fake.of("lint")[0].running is False
    run.stop()


def test_the_reporter_passes_on_the_first_line_and_takes_nothing_but_text() -> None:
    with Dispatcher() as dispatcher:
        probe = Probe.start_on(dispatcher)
        reporter = dispatcher.spawn(Reporter, probe.ref)
        reporter.tell("unused import\nline 3")
        assert probe.expect(str) == "problem: unused import"
        reporter.tell(7)
        assert isinstance(assert_terminated(reporter, Crashed).exception, AttributeError)
        probe.expect_nothing()
