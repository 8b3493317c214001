"""An agent that fails twice in a way that passes by itself, and succeeds the third time."""

import sys
import tempfile

from actorch.actors import AgentSpec, Backoff, RetryPolicy
from actorch.supervisors import ActorSystem

PROGRAM = """
import os, sys
attempt = int(os.environ["ACTORCH_ATTEMPT"])
print("attempt", attempt)
sys.exit(0 if attempt == 3 else 75)  # 75: a temporary failure, by sysexits(3)
"""


def main() -> None:
    agent = AgentSpec(
        "flaky",
        [sys.executable, "-c", PROGRAM],
        retry=RetryPolicy(max_attempts=3, backoff=Backoff(initial=0.1)),
    )
    with tempfile.TemporaryDirectory() as state, ActorSystem(state_dir=state) as system:
        result = system.run([agent]).wait(timeout=60)
        for attempt in result["flaky"].attempts:
            print(attempt.number, attempt.exit_class.value, attempt.exit)
        print(result.verdict, repr(result["flaky"].stdout))


if __name__ == "__main__":
    main()
