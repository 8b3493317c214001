"""Agents without processes: what they do is written down, what was asked of them is kept."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Final

from .._dispatcher import Dispatcher
from .._process_events import ProcessEvent, SpawnOrder
from .._processes import Processes
from ._fake_host import FakeHost
from ._fake_process import FakeProcess
from ._fake_script import FakeScript

__all__ = ["FakeProcesses"]

_FIRST_PID: Final = 1 << 23
"""More than any process has: the most that Linux gives is 2 to the power of 22."""


class FakeProcesses:
    """Stands in for the processes of a system's agents, so that a test starts none.

    All else is real: files, rows, history, signals, limits and retries. As in::

        clock, fake = ManualClock(), FakeProcesses()
        fake.script("lint", FakeScript().prints("1 problem", after=2).exits(1))
        with ActorSystem(state_dir=folder, clock=clock, processes=fake) as system:
            run = system.run([AgentSpec("lint", ["ruff", "check", "."])])
            clock.advance(2)
            assert run.wait()["lint"].stdout == "1 problem"

    Args:
        default: what agents do that have no script.
    """

    def __init__(self, default: FakeScript | None = None) -> None:
        self._default = default or FakeScript()
        self._scripts: dict[str, tuple[FakeScript, ...]] = {}
        self._started: list[FakeProcess] = []
        self._pids = count(_FIRST_PID)

    def script(self, agent: str, *scripts: FakeScript) -> None:
        """Say what an agent does.

        Args:
            agent: its name.
            scripts: for its first start, its second, and so on; the last one is for all that
                follow, too.
        """
        self._scripts[agent] = scripts

    @property
    def started(self) -> tuple[FakeProcess, ...]:
        """All that was started, also what failed to, in its order."""
        return tuple(self._started)

    def of(self, agent: str) -> tuple[FakeProcess, ...]:
        """What one agent started."""
        return tuple(process for process in self.started if process.agent == agent)

    def __call__(self, dispatcher: Dispatcher) -> Processes:
        """Those of one system; systems call this."""
        return FakeHost(dispatcher, self._cast)

    def _cast(
        self, order: SpawnOrder, dispatcher: Dispatcher, on_event: Callable[[ProcessEvent], None]
    ) -> FakeProcess:
        agent = order.env["ACTORCH_AGENT"]
        scripts = self._scripts.get(agent) or (self._default,)
        script = scripts[min(len(self.of(agent)), len(scripts) - 1)]
        process = FakeProcess(order, script, next(self._pids), dispatcher, on_event)
        self._started.append(process)
        return process

    def __repr__(self) -> str:
        running = sum(process.running for process in self.started)
        return f"<FakeProcesses: {len(self._started)} started, {running} running>"
