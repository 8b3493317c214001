"""Two runs awaited in an asyncio app, which does other things meanwhile."""

import asyncio
import sys
import tempfile

from actorch.actors import AgentSpec
from actorch.supervisors import ActorSystem, Run, RunResult


async def heartbeat() -> None:
    """Shows that the event loop is free while agents run."""
    while True:
        await asyncio.sleep(0.1)


async def outcome(run: Run) -> RunResult:
    """Await a run; if whoever awaits is cancelled, stop its agents as well."""
    try:
        return await run
    except asyncio.CancelledError:
        run.stop()
        raise


async def app(state: str) -> None:
    beating = asyncio.create_task(heartbeat())
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    async with ActorSystem(state_dir=state) as system:
        quick = system.run([AgentSpec("quick", [sys.executable, "-c", "print('done')"])])
        slow = system.run([AgentSpec("slow", sleep)])
        print((await outcome(quick))["quick"].stdout, end="")
        try:
            async with asyncio.timeout(0.5):
                await outcome(slow)
        except TimeoutError:
            print((await slow).verdict)
    beating.cancel()


def main() -> None:
    with tempfile.TemporaryDirectory() as state:
        asyncio.run(app(state))


if __name__ == "__main__":
    main()
