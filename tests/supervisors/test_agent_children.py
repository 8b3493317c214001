"""Agents as children of a supervisor: real processes, restarted, resumed, and gone in the end."""

import asyncio
import os
import sys
from typing import Any

import pytest
from pykka.messages import ProxyCall

from actorch.actors import (
    Actor,
    AgentSpec,
    AgentState,
    BudgetExceeded,
    ChildStartError,
    DeadLetter,
    Dispatcher,
    Killed,
    NonZeroExitError,
    ProcessExit,
    Shutdown,
    SpawnError,
    SpecError,
    StartFailed,
    StopPlan,
    Terminated,
    TimedOut,
    WouldBlockError,
)
from actorch.supervisors import (
    BRUTAL_KILL,
    Budget,
    ChildSpec,
    DynamicSupervisor,
    RestartBackoff,
    RestartContext,
    Supervisor,
    start_supervisor,
)
from processes import CEILING, gone, nobody_at, program, wait_for_sign_in, wait_until

AT_ONCE = RestartBackoff(min=0.0, max=0.0)


def python(name: str, text: str, *words: object, **options: Any) -> AgentSpec:
    return AgentSpec(name, [sys.executable, "-S", "-E", "-c", text, *map(str, words)], **options)


class Watcher(Actor):
    """Keeps what it is told; watches whom it is asked to."""

    def __init__(self, heard: list[Any]) -> None:
        super().__init__()
        self.heard = heard

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.heard.append(message)
        return None


def final_reason(system, supervisor, child):
    """Why a child ended, as one that watches it is told."""
    heard: list[Any] = []
    watcher = system._dispatcher.spawn(Watcher, heard)
    ref = supervisor.child(child) if isinstance(child, str) else child
    watcher.ask(lambda actor: actor.watch(ref))
    assert ref.actor_stopped.wait(CEILING)
    watcher.ask(lambda actor: None)
    [terminated] = heard
    assert isinstance(terminated, Terminated)
    assert terminated.ref is ref
    return terminated.reason


def test_an_agent_is_restarted_after_a_failure_resumed_and_done_after_a_success(system) -> None:
    seen: list[RestartContext] = []

    def agent(context: RestartContext) -> AgentSpec:
        seen.append(context)
        text = "import sys; n = int(sys.argv[1]); print(f'session={n}x'); sys.exit(n < 3)"
        return python("flaky", text, context.incarnation)

    child = ChildSpec("flaky", agent, resume=r"session=(\w+)", backoff=AT_ONCE, significant=True)
    supervisor = system.supervise(Supervisor([child], auto_shutdown="all_significant"))
    assert supervisor.wait(CEILING) == Shutdown()
    assert [(one.incarnation, one.attempt, one.resume_token) for one in seen] == [
        (1, 1, None),
        (2, 2, "1x"),
        (3, 3, "2x"),
    ]
    first = seen[1].last_exit
    assert isinstance(first, ProcessExit)
    assert (first.code, first.signal, first.requested) == (1, None, False)
    assert isinstance(first.error, NonZeroExitError)
    states = [row.state for row in system.snapshot().agents]
    assert states == [AgentState.FAILED, AgentState.FAILED, AgentState.SUCCEEDED]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (python("a", "raise SystemExit(0)"), (0, None, False, False)),
        (python("a", "raise SystemExit(7)"), (7, None, False, True)),
        (python("a", "import os; os.kill(os.getpid(), 9)"), (None, 9, False, True)),
        (python("a", "raise SystemExit(7)", success_codes=[7]), (7, None, False, False)),
    ],
    ids=["success", "code", "signal", "success code"],
)
def test_the_reason_of_an_end_is_how_the_process_ended(system, spec, reason) -> None:
    supervisor = system.supervise(DynamicSupervisor())
    ref = supervisor.start_child(ChildSpec("a", spec, restart="temporary"))
    end = final_reason(system, supervisor, ref)
    assert isinstance(end, ProcessExit)
    assert (end.code, end.signal, end.requested, end.abnormal) == reason


@pytest.mark.parametrize(
    ("options", "kind"),
    [({"timeout": 0.2}, "timeout"), ({"idle_timeout": 0.2}, "idle_timeout")],
)
def test_an_agent_that_takes_too_long_has_timed_out(system, options, kind) -> None:
    supervisor = system.supervise(DynamicSupervisor())
    spec = python("a", "import signal; signal.pause()", **options)
    ref = supervisor.start_child(ChildSpec("a", spec, restart="temporary"))
    assert final_reason(system, supervisor, ref) == TimedOut(kind)


def test_a_program_that_is_not_there_fails_the_start_and_stops_its_siblings(system, place) -> None:
    children = [
        ChildSpec("first", AgentSpec("first", program("stays.py", place))),
        ChildSpec("second", AgentSpec("second", ["/no/such/program"])),
        ChildSpec("third", AgentSpec("third", program("stays.py", place))),
    ]
    with pytest.raises(ChildStartError) as caught:
        system.supervise(Supervisor(children))
    assert caught.value.child == "second"
    assert isinstance(caught.value.reason, StartFailed)
    assert isinstance(caught.value.reason.exception, SpawnError)
    assert nobody_at(place)


def test_a_program_that_has_vanished_is_not_tried_again(system, tmp_path) -> None:
    path = tmp_path / "agent"
    path.write_text(f"#!{sys.executable}\nimport os, sys\nos.unlink(sys.argv[0]); sys.exit(1)\n")
    path.chmod(0o700)
    child = ChildSpec("a", AgentSpec("a", [str(path)]), backoff=AT_ONCE, budget=Budget(1000))
    supervisor = system.supervise(Supervisor([child]))
    reason = supervisor.wait(CEILING)
    assert isinstance(reason, BudgetExceeded)
    assert reason.hopeless
    assert isinstance(reason.last, StartFailed)


def test_who_watches_hears_of_the_end_when_the_whole_tree_is_gone(system, place) -> None:
    supervisor = system.supervise(DynamicSupervisor())
    spec = AgentSpec("a", program("stubborn.py", place), stop=StopPlan.parse("TERM 100ms"))
    ref = supervisor.start_child(ChildSpec("a", spec, restart="permanent"))
    [pid] = wait_for_sign_in(place)
    ended: list[bool] = []
    ref.cell.when_ended("test", lambda _reason: ended.append(gone(pid)))
    reason = supervisor.terminate_child("a", timeout=CEILING)
    assert isinstance(reason, ProcessExit)
    assert (reason.signal, reason.requested, reason.abnormal) == (9, True, False)
    assert ended == [True]
    assert nobody_at(place)


@pytest.mark.parametrize("shutdown", [BRUTAL_KILL, 0.1, StopPlan.parse("INT 100ms")])
def test_a_child_ends_by_its_shutdown_rule(system, place, shutdown) -> None:
    spec = AgentSpec("a", program("stubborn.py", place), stop=StopPlan.parse("TERM 300s"))
    supervisor = system.supervise(Supervisor([ChildSpec("a", spec, shutdown=shutdown)]))
    wait_for_sign_in(place)
    assert supervisor.stop(timeout=CEILING)
    assert nobody_at(place)


def test_a_second_incarnation_starts_when_the_tree_of_the_first_is_gone(system, place) -> None:
    before: list[bool] = []

    def agent(_context: RestartContext) -> AgentSpec:
        before.append(nobody_at(place))
        return AgentSpec("a", program("stays.py", place))

    supervisor = system.supervise(Supervisor([ChildSpec("a", agent, backoff=AT_ONCE)]))
    for number in range(1, 4):
        pid = wait_for_sign_in(place, number)[-1]
        os.kill(pid, 9)
    wait_for_sign_in(place, 4)
    assert before == [True] * 4
    assert supervisor.child("a").incarnation == 4
    supervisor.stop()


def test_an_agent_that_was_killed_is_resumed_too(system) -> None:
    seen: list[RestartContext] = []

    def agent(context: RestartContext) -> AgentSpec:
        seen.append(context)
        text = f"print('session=s{context.incarnation}', flush=True); import signal; signal.pause()"
        return python("a", text)

    child = ChildSpec("a", agent, resume=r"session=(\w+)", backoff=AT_ONCE)
    supervisor = system.supervise(Supervisor([child]))
    run = supervisor.run_of("a")
    assert next(iter(run.lines("a"))).text == "session=s1"
    supervisor.child("a").kill()
    wait_until(lambda: len(seen) == 2)
    assert seen[1].resume_token == "s1"
    supervisor.stop()


def test_the_end_of_a_run_that_was_killed_is_not_taken_for_that_of_the_next(system, place) -> None:
    spec = ChildSpec("a", AgentSpec("a", program("stays.py", place)), backoff=AT_ONCE)
    supervisor = system.supervise(Supervisor([spec], child_budget=Budget(2)))
    wait_for_sign_in(place, 1)
    supervisor.child("a").kill()
    pid = wait_for_sign_in(place, 2)[-1]
    [info] = supervisor.which_children()
    assert (info.incarnation, info.last_exit) == (2, Killed())
    os.kill(pid, 9)
    wait_for_sign_in(place, 3)
    [info] = supervisor.which_children()
    assert isinstance(info.last_exit, ProcessExit)
    supervisor.stop()


@pytest.mark.parametrize("how", ["kill", "crash"])
def test_killing_the_supervisor_leaves_no_process_and_it_ends_after_them(
    system, place, how
) -> None:
    children = [
        ChildSpec(name, AgentSpec(name, program("stubborn.py", place))) for name in ("a", "b")
    ]
    inner = ChildSpec("inner", Supervisor(children))
    supervisor = system.supervise(Supervisor([inner], child_budget=Budget(0)))
    wait_for_sign_in(place, 2)
    ended: list[bool] = []
    ref = supervisor.child("inner") if how == "crash" else supervisor
    ref.cell.when_ended("test", lambda _reason: ended.append(nobody_at(place)))
    if how == "crash":
        ref.tell(ProxyCall(attr_path=("no_such_thing",), args=(), kwargs={}))
    else:
        ref.kill()
    assert supervisor.actor_stopped.wait(CEILING)
    assert ended == [True]


def test_text_that_an_agent_is_told_reaches_its_standard_input_over_restarts(system) -> None:
    text = "import sys\nfor line in sys.stdin:\n print(line.strip(), flush=True); sys.exit(1)"
    child = ChildSpec("echo", python("echo", text, stdin="open"), backoff=AT_ONCE)
    supervisor = system.supervise(Supervisor([child], child_budget=Budget(1000)))
    ref = supervisor.child("echo")
    for word in ("one", "two", "three"):
        before = supervisor.child("echo").incarnation
        run = supervisor.run_of("echo")
        ref.tell(f"{word}\n")
        result = run.wait(CEILING)
        assert result["echo"].stdout == f"{word}\n"
        wait_until(lambda old=before: supervisor.child("echo").incarnation > old)
    supervisor.stop()


def test_what_an_agent_has_no_use_for_is_a_dead_letter_and_does_it_no_harm(system) -> None:
    letters: list[DeadLetter] = []

    def keep(_sender: object, *, event: Any) -> None:
        letters.append(event)

    system.events.dead_letter.connect(keep)
    spec = python("a", "import signal; signal.pause()")
    supervisor = system.supervise(Supervisor([ChildSpec("a", spec)]))
    ref = supervisor.child("a")
    ref.tell("its standard input is not open")
    ref.tell(17)
    wait_until(lambda: len(letters) == 2)
    assert {one.reason for one in letters} == {"not understood"}
    assert ref.incarnation == 1
    supervisor.stop()


def test_a_dispatcher_alone_runs_no_agents() -> None:
    with Dispatcher("tests") as dispatcher, pytest.raises(ChildStartError) as caught:
        start_supervisor(dispatcher, Supervisor([ChildSpec("a", python("a", ""))]))
    assert isinstance(caught.value.reason, StartFailed)
    assert isinstance(caught.value.reason.exception, SpecError)


def test_closing_the_system_stops_its_trees_and_their_agents(state, place) -> None:
    from actorch.supervisors import ActorSystem

    with ActorSystem(state_dir=state) as system:
        children = [
            ChildSpec(name, AgentSpec(name, program("stays.py", place))) for name in ("a", "b")
        ]
        outer = system.supervise(Supervisor([ChildSpec("inner", Supervisor(children))]))
        wait_for_sign_in(place, 2)
    assert outer.cell.reason == Shutdown()
    assert nobody_at(place)


def test_in_asyncio_trees_are_awaited_and_the_heartbeat_goes_on(system) -> None:
    async def main() -> tuple[int, int]:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0.001)

        heart = asyncio.create_task(beat())
        supervisor = await system.supervise_soon(DynamicSupervisor())
        with pytest.raises(WouldBlockError, match="await"):
            supervisor.start_child(ChildSpec("a", python("a", "")))
        spec = python("a", "import select; select.select([], [], [], 0.3)")
        orders = [
            supervisor.start_child(ChildSpec(f"a{n}", spec, restart="temporary"), block=False)
            for n in range(5)
        ]
        refs = [await order for order in orders]

        while any(ref.is_alive() for ref in refs):
            await asyncio.sleep(0.001)
        during = beats
        await supervisor.stop(block=False)
        heart.cancel()
        return during, len(refs)

    beats, started = asyncio.run(main())
    assert started == 5
    assert beats > 20
