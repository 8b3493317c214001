"""Following a run by its signals: every change of state, and the output as it is written."""

import sys
import tempfile
from typing import assert_never

from actorch.actors import (
    AgentChanged,
    AgentOutput,
    AgentSpec,
    Event,
    HistoryLost,
    RunFinished,
    RunStarted,
)
from actorch.supervisors import ActorSystem


def show(sender: object, *, event: Event) -> None:
    """Called on the system's own thread: be quick, and wait for nothing here."""
    match event:
        case RunStarted(agents=agents):
            print("started", len(agents))
        case AgentChanged(agent=agent):
            print(agent.name, agent.state.value)
        case AgentOutput(agent=name, stdout_path=path):
            print(name, "has written to", path.rpartition("/")[2])
        case RunFinished(run=run):
            print("finished", run.verdict)
        case HistoryLost(reason=reason):
            print("not recorded:", reason)
        case _:
            assert_never(event)


def main() -> None:
    with tempfile.TemporaryDirectory() as state, ActorSystem(state_dir=state) as system:
        system.events.connect_all(show)
        system.run([AgentSpec("hello", [sys.executable, "-c", "print('hello')"])]).wait(timeout=60)


if __name__ == "__main__":
    main()
