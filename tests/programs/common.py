"""What the programs share. Every process of theirs has PLACE in its argv, and signs in there."""

import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PLACE = sys.argv[1]


def sign_in():
    """Tell that this process is ready: its pid is the name of a file."""
    path = os.path.join(PLACE, str(os.getpid()))
    with open(path + ".new", "w", encoding="ascii"):
        pass
    os.rename(path + ".new", path)


def ignore_polite_signals():
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)


def stay():
    """Until a signal ends it."""
    while True:
        signal.pause()


def start(program, *words, **options):
    """Start another of these programs, which signs in at the same place."""
    command = [sys.executable, "-S", "-E", os.path.join(HERE, program), PLACE, *words]
    return subprocess.Popen(command, **options)
