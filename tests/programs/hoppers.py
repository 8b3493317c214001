"""So many processes that fork and exit every few milliseconds, each in a session of its own."""

import os
import select
import signal
import sys

import common


def hop():
    common.ignore_polite_signals()
    while not common.is_called_off():
        if os.fork():
            os._exit(0)
        os.setsid()
        select.select([], [], [], 0.002)
    os._exit(0)


for _ in range(int(sys.argv[2])):
    if os.fork() == 0:
        hop()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
common.ignore_polite_signals()
common.sign_in()
common.stay()
