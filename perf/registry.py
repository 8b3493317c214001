"""What one frame of a live view costs: a snapshot of 1 000 agents.

    python perf/registry.py [--quick]

Three questions: the table alone when nothing changed since the last frame, when one row changed,
and when every row did; and the whole way, `system.snapshot()`, from another thread than the
system's own, while a run of 1 000 agents goes on. Target: under 2 ms each (60 frames a second leave
16.7 ms). Exits 1 if it is missed.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable

from actorch.actors import AgentSpec, AgentState
from actorch.actors._table import AgentRow, AgentTable, RunRow
from actorch.supervisors import ActorSystem

AGENTS = 1000
LIMIT = 2.0
"""Milliseconds."""


def rows(detail: str) -> list[AgentRow]:
    return [
        AgentRow(run_id="run", name=f"agent-{number}", state=AgentState.RUNNING, detail=detail)
        for number in range(AGENTS)
    ]


def frames(count: int, change: Callable[[int], object], look: Callable[[], object]) -> list[float]:
    """Milliseconds of each `look`, each after one `change`, which is not counted."""
    taken: list[float] = []
    for number in range(count):
        change(number)
        begun = time.perf_counter()
        look()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def of_the_table(count: int) -> dict[str, list[float]]:
    table = AgentTable()
    table.put_run(RunRow(run_id="run", total=AGENTS))

    def put(some: Iterable[AgentRow]) -> None:
        for row in some:
            table.put_agent(row)

    def look() -> None:
        assert len(table.snapshot(0.0).agents) == AGENTS

    put(rows("first"))
    return {
        "table, nothing changed": frames(count, lambda _number: None, look),
        "table, one row changed": frames(count, lambda n: put(rows(str(n))[:1]), look),
        "table, every row changed": frames(count, lambda n: put(rows(str(n))), look),
    }


def of_the_system(count: int) -> dict[str, list[float]]:
    agents = [AgentSpec(f"agent-{number}", ["/bin/sh", "-c", "exit 0"]) for number in range(AGENTS)]
    with tempfile.TemporaryDirectory() as state, ActorSystem(state_dir=state) as system:
        run = system.run(agents)
        busy = frames(count, lambda _number: time.sleep(0.002), system.snapshot)
        run.wait(timeout=300)
        idle = frames(count, lambda _number: None, system.snapshot)
        assert len(system.snapshot().agents) == AGENTS
    return {"system.snapshot(), agents ending": busy, "system.snapshot(), idle": idle}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few frames, not judged")
    quick: bool = parser.parse_args().quick
    count = 20 if quick else 300
    print(
        f"{AGENTS} agents, {count} frames; {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}"
    )
    print(f"{'milliseconds':<34} {'median':>8} {'p99':>8} {'highest':>8}")
    worst = 0.0
    for name, taken in {**of_the_table(count), **of_the_system(count)}.items():
        median = statistics.median(taken)
        worst = max(worst, median)
        p99 = statistics.quantiles(taken, n=100)[-1]
        print(f"{name:<34} {median:>8.3f} {p99:>8.3f} {max(taken):>8.3f}")
    met = worst < LIMIT
    print(f"target {'met' if met else 'MISSED'}: under {LIMIT:.0f} ms a snapshot: {worst:.3f} ms")
    return 0 if met or quick else 1


if __name__ == "__main__":
    sys.exit(main())
