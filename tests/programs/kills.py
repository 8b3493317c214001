"""Has a child that stays; then signals its parent ("parent") or its own group ("group")."""

import os
import sys

import common

_place, signum, whom = sys.argv[1:]
child = common.start("stubborn.py", start_new_session=True)
while not os.path.exists(os.path.join(common.PLACE, str(child.pid))):
    os.sched_yield()
common.sign_in()
if whom == "parent":
    os.kill(os.getppid(), int(signum))
else:
    os.killpg(0, int(signum))
common.stay()
