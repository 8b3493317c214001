"""An app that has things to do when its system is closed: before, in between, and after."""

import sys
import tempfile

from actorch.actors import AgentSpec
from actorch.supervisors import ActorSystem


class Orders:
    """What keeps asking for runs; here it is only closed."""

    def close(self) -> None:
        print("drain: no more orders")


def report(system: ActorSystem) -> None:
    """All agents have ended; the system can still be asked."""
    for run in system.snapshot().runs:
        print(f"flush: run {run.verdict}")


async def say_goodbye() -> None:
    """A coroutine is fine, too."""
    print("end: nothing is left")


def main() -> None:
    with tempfile.TemporaryDirectory() as state, ActorSystem(state_dir=state) as system:
        system.on_shutdown("drain", Orders().close)
        system.on_shutdown("flush", lambda: report(system), name="report", timeout=5)
        system.on_shutdown("end", say_goodbye)
        system.run([AgentSpec("slow", [sys.executable, "-c", "import time; time.sleep(600)"])])


if __name__ == "__main__":
    main()
