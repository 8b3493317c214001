"""What the programs share. Every process of theirs has PLACE in its argv, and signs in there.

As long as it lives, or a child that it forked, it holds a shared lock on a file at PLACE. SIGUSR1
ends it with code 0, SIGUSR2 with 75.
"""

import fcntl
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PLACE = sys.argv[1]
HELD = os.open(os.path.join(PLACE, "held"), os.O_RDWR | os.O_CREAT, 0o666)

fcntl.flock(HELD, fcntl.LOCK_SH)
for _signum, _code in ((signal.SIGUSR1, 0), (signal.SIGUSR2, 75)):
    signal.signal(_signum, lambda *_args, code=_code: os._exit(code))


def sign_in():
    """Tell that this process is ready: its pid is the name of a file."""
    path = os.path.join(PLACE, str(os.getpid()))
    with open(path + ".new", "w", encoding="ascii"):
        pass
    os.rename(path + ".new", path)


def ignore_polite_signals():
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)


def is_called_off():
    """Whether those that no signal is fast enough for shall end by themselves."""
    return os.path.exists(os.path.join(PLACE, "over")) or not os.path.exists(PLACE)


def stay():
    """Until a signal ends it."""
    while True:
        signal.pause()


def start(program, *words, **options):
    """Start another of these programs, which signs in at the same place."""
    command = [sys.executable, "-S", "-E", os.path.join(HERE, program), PLACE, *words]
    return subprocess.Popen(command, **options)
