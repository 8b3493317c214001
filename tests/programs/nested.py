"""Runs an actorch of its own, whose agent has a child in a session of its own."""

import os
import subprocess
import sys

import common

agent = [sys.executable, "-S", "-E", os.path.join(common.HERE, "polite_leader.py")]
state = os.path.join(common.PLACE, "state")
actorch = [sys.executable, "-m", "actorch.cli", "run", "-q", "--state-dir", state]
subprocess.Popen([*actorch, "--", *agent, common.PLACE, "setsid"], pass_fds=[common.HELD])
common.sign_in()
common.stay()
