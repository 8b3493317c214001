"""Becomes PROGRAM the first time. Then, exits with 0 if nobody of the first time lives, else 1.

    retried.py PLACE PROGRAM [WORDS…]

"Lives" means: holds the lock that all programs share.
"""

import fcntl
import os
import sys

import common

_place, program, *words = sys.argv[1:]
try:
    os.close(os.open(os.path.join(common.PLACE, "tried"), os.O_CREAT | os.O_EXCL))
except FileExistsError:
    try:
        fcntl.flock(common.HELD, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(1)
    sys.exit(0)
script = os.path.join(common.HERE, program)
os.execv(sys.executable, [sys.executable, "-S", "-E", script, common.PLACE, *words])
