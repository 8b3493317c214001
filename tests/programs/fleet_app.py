"""An app with one agent that ends in its own way, the system open, once its input does.

    fleet_app.py STATE_DIR WAY COMMAND

COMMAND is a list as JSON, so that no word of it is in this process's argv.
"""

import json
import os
import sys

from actorch.actors import AgentSpec, RetryPolicy, StopPlan
from actorch.supervisors import ActorSystem


def main(state, way, command):
    once = RetryPolicy(max_attempts=1)
    agent = AgentSpec("tree", json.loads(command), stop=StopPlan.parse("TERM 0.5s"), retry=once)
    system = ActorSystem(state_dir=state)
    system.run([agent])
    sys.stdin.read()
    if way == "raises":
        raise RuntimeError("as asked")
    if way == "exits":
        os._exit(3)


main(*sys.argv[1:])
