"""A quality gate from Python: three reviewers, of whom two must agree."""

import sys
import tempfile

from actorch.actors import AgentSpec, RunError
from actorch.supervisors import ActorSystem

REVIEWERS = {"lint": 0, "types": 0, "security": 1}


def main() -> int:
    agents = [
        AgentSpec(name, [sys.executable, "-c", f"raise SystemExit({code})"], timeout=60)
        for name, code in REVIEWERS.items()
    ]
    with tempfile.TemporaryDirectory() as state, ActorSystem(state_dir=state) as system:
        result = system.run(agents, quorum="2/3").wait(timeout=120)
    try:
        result.raise_for_verdict()
    except RunError as error:
        print(f"{type(error).__name__}: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
