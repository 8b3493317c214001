"""The public API as users write it. Checked by mypy and pyright, never executed."""

from __future__ import annotations

from typing import Any, assert_type

import pykka

from actorch.actors import (
    Actor,
    ActorchError,
    ActorRef,
    AgentChanged,
    AgentResult,
    AgentRow,
    AgentSpec,
    AgentState,
    AttemptResult,
    Backoff,
    Crashed,
    Dispatcher,
    Event,
    Exit,
    ExitClass,
    ExitReason,
    Future,
    NonZeroExitError,
    PartialFailureError,
    RetryPolicy,
    RunEvent,
    RunTimeoutError,
    Snapshot,
    StopPlan,
    Terminated,
)
from actorch.actors.testing import (
    FakeProcess,
    FakeProcesses,
    FakeScript,
    ManualClock,
    Probe,
    RecordedEvents,
    ScriptedRandom,
    SeededRandom,
    assert_terminated,
)
from actorch.supervisors import (
    BRUTAL_KILL,
    INFINITY,
    ActorSystem,
    Budget,
    ChildCounts,
    ChildInfo,
    ChildSpec,
    DynamicSupervisor,
    Line,
    RestartBackoff,
    RestartContext,
    Run,
    RunResult,
    RunSpec,
    ShutdownTask,
    Subscription,
    Supervisor,
    SupervisorRef,
    Verdict,
    load_fleet,
)


def from_threads() -> None:
    with ActorSystem() as system:
        assert_type(system, ActorSystem)
        run = system.run([AgentSpec("lint", ["ruff", "check", "."])], quorum="2/3")
        assert_type(run, Run)
        assert_type(run.id, str)
        assert_type(run.wait(timeout=60), RunResult)
        assert_type(run.wait(), RunResult)
        assert_type(run.results(), RunResult)
        assert_type(run.done(), bool)
        run.stop()
        run.stop("interrupted")
        run.kill()


async def from_asyncio(system: ActorSystem) -> Verdict | None:
    result = await system.run(load_fleet("fleet.toml"))
    assert_type(result, RunResult)
    return result.verdict


async def the_end(app: ActorSystem) -> None:
    async def work() -> None: ...

    async with ActorSystem(at_exit=None) as system:
        assert_type(system, ActorSystem)
        assert_type(system.on_shutdown("drain", work, name="work", timeout=5), ShutdownTask)
        assert_type(system.on_shutdown("end", print).cancel(), bool)
    await app.aclose(timeout=5)
    app.close(timeout=5)


def specs() -> RunSpec:
    agent = AgentSpec(
        "careful",
        "make check",
        shell=True,
        cwd="project",
        env={"CI": "1"},
        stdin="read this",
        timeout=None,
        idle_timeout=60,
        stop=StopPlan.parse(["INT", "10s", "KILL"]),
        success_codes=(0, 3),
        keep_descendants=True,
        retry=RetryPolicy(max_attempts=5, backoff=Backoff(initial=0.5, jitter="none")),
    )
    assert_type(agent.argv, tuple[str, ...])
    return RunSpec(agents=(agent,), quorum="majority", deadline=600, on_impossible="continue")


def results(result: RunResult) -> None:
    assert_type(result.verdict, Verdict | None)
    assert_type(result.successes, tuple[AgentResult, ...])
    assert_type(result.failures, tuple[AgentResult, ...])
    lint = result["lint"]
    assert_type(lint, AgentResult)
    assert_type(lint.state, AgentState)
    assert_type(lint.stdout, str)
    assert_type(lint.exit, Exit | None)
    assert_type(lint.attempts, tuple[AttemptResult, ...])
    assert_type(lint.attempts[0].exit_class, ExitClass)
    assert_type(lint.duration, float)
    if isinstance(lint.error, NonZeroExitError):
        assert_type(lint.error.code, int)


def errors(result: RunResult) -> int:
    try:
        assert_type(result.raise_for_verdict(), RunResult)
    except PartialFailureError as error:
        assert_type(error.successes, tuple[AgentResult, ...])
    except (RunTimeoutError, TimeoutError):
        pass
    except ActorchError as error:
        assert_type(error.retryable, bool)
        return error.exit_code
    return 0


def signals(system: ActorSystem) -> Snapshot:
    def on_event(sender: object, *, event: Event) -> None:
        if isinstance(event, AgentChanged):
            assert_type(event.agent, AgentRow)
            assert_type(event.previous, AgentRow | None)

    system.events.connect_all(on_event)
    system.events.agent_changed.connect(on_event)
    return system.snapshot()


def iterated(run: Run) -> None:
    assert_type(run.events(), Subscription[RunEvent])
    with run.lines("lint", stream="stderr", attempt=1) as lines:
        for line in lines:
            assert_type(line, Line)
            assert_type(line.text, str)
            assert_type(line.newline, bool)
    for event in run.events():
        assert_type(event, RunEvent)


async def iterated_in_asyncio(run: Run) -> None:
    async for line in run.lines("lint"):
        assert_type(line, Line)
    async with run.events() as events:
        async for event in events:
            assert_type(event, RunEvent)


def supervised(system: ActorSystem, agent: AgentSpec) -> ExitReason:
    def factory(context: RestartContext) -> AgentSpec:
        assert_type(context.resume_token, str | None)
        assert_type(context.last_exit, ExitReason | None)
        return agent

    children = [
        ChildSpec("agent", agent, restart="permanent", shutdown=BRUTAL_KILL),
        ChildSpec("factory", factory, resume=r"session (\w+)", significant=True),
        ChildSpec("inner", DynamicSupervisor(max_children=3), shutdown=INFINITY),
        ChildSpec("pykka", pykka.ThreadingActor, backoff=RestartBackoff(min=0.1)),
        ChildSpec("ours", Actor, args=(1,), budget=Budget(3, 60, "stop")),
    ]
    tree = Supervisor(children, "rest_for_one", auto_shutdown="any_significant")
    supervisor = system.supervise(tree)
    assert_type(supervisor, SupervisorRef)
    assert_type(supervisor.start_child(children[0]), ActorRef[Any])
    assert_type(supervisor.start_child(children[0], block=False), Future[ActorRef[Any]])
    assert_type(supervisor.terminate_child("agent"), ExitReason | None)
    assert_type(supervisor.run_of("agent"), Run)
    assert_type(supervisor.child("agent").incarnation, int)
    return supervisor.wait()


async def supervised_in_asyncio(tree: DynamicSupervisor) -> None:
    async with ActorSystem() as system:
        supervisor = await system.supervise_soon(tree)
        assert_type(supervisor, SupervisorRef)
        assert_type(await supervisor.delete_child("agent", block=False), None)
        assert_type(await supervisor.which_children(block=False), tuple[ChildInfo, ...])
        assert_type(await supervisor.count_children(block=False), ChildCounts)


def under_test(dispatcher: Dispatcher, ref: ActorRef[Any]) -> None:
    clock = ManualClock()
    fake = FakeProcesses(default=FakeScript().prints("text", after=2).exits(1))
    fake.script("lint", FakeScript().runs_on().ignores(), FakeScript().dies_of(9))
    with ActorSystem(clock=clock, random=ScriptedRandom(0.5), processes=fake) as system:
        with RecordedEvents(system) as events:
            assert_type(events.wait_for(AgentChanged), AgentChanged)
            assert_type(events.wait_for(lambda event: repr(event), timeout=1), Event)
            assert_type(events.of(AgentChanged), tuple[AgentChanged, ...])
        RecordedEvents(system.events).clear()
    for process in fake.of("lint"):
        assert_type(process, FakeProcess)
    probe = Probe.start_on(dispatcher)
    probe.watch(ref)
    assert_type(probe.expect(Terminated), Terminated)
    assert_type(probe.expect("text"), str)
    assert_type(assert_terminated(ref), ExitReason)
    assert_type(assert_terminated(ref, Crashed).exception, BaseException)
    assert_type(assert_terminated(ref, Crashed(ValueError())), Crashed)
    Dispatcher(clock=clock, random=SeededRandom(7))
