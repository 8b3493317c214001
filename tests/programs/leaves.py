"""Exits with the given code once its child, which stays, has signed in."""

import os
import sys

import common

_place, code, program, *how = sys.argv[1:]
child = common.start(program, start_new_session="setsid" in how)
while not os.path.exists(os.path.join(common.PLACE, str(child.pid))):
    os.sched_yield()
os._exit(int(code))
