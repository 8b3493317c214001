"""Following a run: what is printed in a thread, what happens in asyncio, each at its own pace."""

import asyncio
import sys
import tempfile

from actorch.actors import AgentChanged, AgentSpec, RunFinished
from actorch.supervisors import ActorSystem, Run

COUNT = "for n in (1, 2, 3): print(n, 'of 3')"
WARN = "import sys; print('careful', file=sys.stderr)"


def show(run: Run, agent: str) -> None:
    """Blocks this thread, and no other, until the agent is over."""
    for line in run.lines(agent, stream="stdout"):
        print(line.agent, line.text)


async def watch(run: Run) -> dict[str, str]:
    """Blocks nothing."""
    ends: dict[str, str] = {}
    async for event in run.events():
        match event:
            case AgentChanged(agent=row) if row.state.final:
                ends[row.name] = row.state.value
            case RunFinished(run=row):
                ends["run"] = str(row.verdict)
            case _:
                pass
    return ends


async def app(system: ActorSystem) -> None:
    programs = {"count": COUNT, "warn": WARN}
    run = system.run([AgentSpec(name, [sys.executable, "-c", p]) for name, p in programs.items()])
    watching = asyncio.create_task(watch(run))
    await asyncio.to_thread(show, run, "count")
    async for line in run.lines("warn"):
        print(line.agent, line.stream, line.text)
    ends = await watching
    print(*(f"{name}: {end}" for name, end in sorted(ends.items())), sep="\n")


def main() -> None:
    with tempfile.TemporaryDirectory() as state, ActorSystem(state_dir=state) as system:
        asyncio.run(app(system))


if __name__ == "__main__":
    main()
