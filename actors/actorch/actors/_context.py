"""What all agents of a run share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ._deliver import Addressee
from ._growth import Growth
from ._identity import Identity
from ._isolation import Machine
from ._processes import Processes
from ._recorder import Recorder

__all__ = ["RunContext"]


@dataclass(frozen=True)
class RunContext:
    """The surroundings of one run's agents.

    Attributes:
        run_id: the run's id.
        directory: where output files are made.
        cwd: where agents work that name no directory of their own.
        env: the environment that every agent starts from.
        owner: the process that owns the run.
        seed: what the agents' own random sources are derived from.
        host: starts and owns processes.
        machine: what there is to hold them together.
        recorder: the way to the journal.
        registry: the way to the agent table.
        growth: announces output.
        on_up: called, on the loop, whenever an agent's process runs; None if nobody asks.
    """

    run_id: str
    directory: str
    cwd: str
    env: Mapping[str, str]
    owner: Identity
    seed: int
    host: Processes
    machine: Machine
    recorder: Recorder
    registry: Addressee
    growth: Growth
    on_up: Callable[[], object] | None = None

    def __repr__(self) -> str:
        return f"<RunContext {self.run_id} in {self.directory}>"
