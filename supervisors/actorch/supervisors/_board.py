"""What is known of a run, kept outside of its supervisor so that it outlives a crash."""

from __future__ import annotations

from collections.abc import Callable

from actorch.actors import ActorCrashedError, ActorRef, AgentResult, AgentState, Clock, Future
from actorch.actors._agent import Agent

from ._fleet import RunSpec
from ._result import RunResult
from ._verdict import Verdict

__all__ = ["RunBoard"]


class RunBoard:
    """The results so far, the living agents, and the promise of a verdict.

    Only the RunSupervisor writes to it, and the RootSupervisor once that one is dead. Any thread
    may read `result`.

    Attributes:
        agents: the living actors.
        begun: the names of all agents that ever had an actor.
        taken: whether there is a supervisor that will bring the run to its end.
        on_up: called, on the loop, whenever an agent's process runs; None if nobody asks.
    """

    def __init__(self, run_id: str, spec: RunSpec, directory: str, cwd: str, clock: Clock) -> None:
        self.run_id = run_id
        self.spec = spec
        self.directory = directory
        self.cwd = cwd
        self.required = spec.required
        self.started = clock.now()
        self.started_at = clock.time()
        self.results: dict[str, AgentResult] = {}
        self.agents: dict[str, ActorRef[Agent]] = {}
        self.begun: set[str] = set()
        self.taken = False
        self.on_up: Callable[[], object] | None = None
        self.succeeded = 0
        self.history: str | None = None
        self.error: str | None = None
        self.future: Future[RunResult] = Future()
        self._clock = clock

    def put(self, result: AgentResult) -> None:
        """Keep the result of an agent that has ended; the first one stays."""
        if result.name not in self.results:
            self.results[result.name] = result
            self.succeeded += result.ok

    def result(self, verdict: Verdict | None = None, error: str | None = None) -> RunResult:
        """The results so far, in the order of the fleet."""
        done = dict(self.results)
        names = [spec.name for spec in self.spec.agents]
        return RunResult(
            run_id=self.run_id,
            name=self.spec.name,
            verdict=verdict,
            required=self.required,
            total=len(names),
            started=self.started_at,
            duration=self._clock.now() - self.started,
            agents=tuple(done[name] for name in names if name in done),
            directory=self.directory,
            error=error,
            history=self.history,
        )

    def crash(self, error: str) -> None:
        """Bring the run to its end: whoever would have done so is dead."""
        self.fail_the_rest(error)
        if not self.future.done():
            self.future.set(self.result(Verdict.FAILED, error))

    def fail_the_rest(self, message: str) -> None:
        """Give every agent without a result one that blames a crash."""
        for spec in self.spec.agents:
            self.put(crashed_result(spec.name, message))

    def __repr__(self) -> str:
        return f"<RunBoard {self.run_id}: {len(self.results)} of {len(self.spec.agents)} ended>"


def crashed_result(name: str, message: str) -> AgentResult:
    """The result of an agent whose actor cannot tell any more."""
    error = ActorCrashedError(name, message)
    return AgentResult(name=name, state=AgentState.FAILED, error=error)
