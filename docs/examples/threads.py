"""A larger app with threads of its own: each asks one system for runs, and waits for them."""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from actorch.actors import AgentSpec
from actorch.supervisors import ActorSystem


def review(system: ActorSystem, change: str) -> str:
    """What a worker thread of the app does for one change."""
    agents = [
        AgentSpec(reviewer, [sys.executable, "-c", f"print('{reviewer} has read {change}')"])
        for reviewer in ("lint", "types", "security")
    ]
    result = system.run(agents, name=change, quorum="2/3").wait(timeout=60)
    return f"{change}: {result.verdict.value if result.verdict else '?'}, {result['lint'].stdout}"


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as state,
        ActorSystem(state_dir=state) as system,
        ThreadPoolExecutor(max_workers=4) as workers,
    ):
        changes = [f"change-{number}" for number in range(4)]
        for line in workers.map(lambda change: review(system, change), changes):
            print(line, end="")


if __name__ == "__main__":
    main()
