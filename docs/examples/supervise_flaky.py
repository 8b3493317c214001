"""An agent that fails now and then, and goes on with its own session after each failure."""

import sys
import tempfile

from actorch.actors import AgentSpec
from actorch.supervisors import (
    ActorSystem,
    Breaker,
    Budget,
    ChildSpec,
    RestartBackoff,
    RestartContext,
    Supervisor,
)

# Stands for an AI CLI: it names its session, does one step, and loses its connection twice.
CLI = """
import json, pathlib, sys, uuid
session = sys.argv[2] if "--resume" in sys.argv else str(uuid.uuid4())
print(json.dumps({"type": "init", "session_id": session}), flush=True)
notes = pathlib.Path(session)
steps = notes.read_text().split() if notes.exists() else []
steps.append(f"step{len(steps) + 1}")
notes.write_text(" ".join(steps))
print(*steps)
sys.exit(0 if len(steps) == 3 else 1)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ActorSystem(state_dir=folder) as system:

        def fix(context: RestartContext) -> AgentSpec:
            """What to start, told what is known of the incarnations before."""
            token = context.resume_token
            resume = [] if token is None else ["--resume", token]
            return AgentSpec("fix", [sys.executable, "-c", CLI, *resume], cwd=folder)

        flaky = ChildSpec(
            "fix",
            fix,
            resume=r'"session_id": "([\w-]+)"',
            backoff=RestartBackoff(min=0.1, max=60, ready_after=5),
            budget=Budget(restarts=5, within=600, then="stop"),
            significant=True,
        )
        lint = AgentSpec("lint", [sys.executable, "-c", "print('clean')"])
        tree = Supervisor(
            [flaky, ChildSpec("lint", lint, significant=True)],
            auto_shutdown="all_significant",
            breaker=Breaker(at_least=2, within=30, pause=60),
        )
        print(system.supervise(tree).wait(timeout=60))
        for row in sorted(system.snapshot().agents, key=lambda row: row.name):  # oldest first
            print(f"{row.name}: {row.state.value}, {row.last_line}")


if __name__ == "__main__":
    main()
