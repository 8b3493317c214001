"""Leaves a daemon of the old school: forked twice, a session, no environment, nothing open."""

import os
import sys

import common

stays_as_leader = "leader" in sys.argv[2:]
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        os.closerange(0, 100)
        for _ in range(3):
            os.open(os.devnull, os.O_RDWR)
        script = os.path.join(common.HERE, "stubborn.py")
        os.execve(sys.executable, [sys.executable, "-S", "-E", script, common.PLACE], {})
    os._exit(0)
os.wait()
while not any(name.isdigit() for name in os.listdir(common.PLACE)):
    os.sched_yield()
if stays_as_leader:
    common.sign_in()
    common.stay()
