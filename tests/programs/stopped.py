"""Stops itself, as if by Ctrl-Z; ends with code 5 when told to end once it goes on.

With "child", it has a child in a session of its own that does the same.
"""

import os
import signal
import sys

import common

signal.signal(signal.SIGTERM, lambda *_args: os._exit(5))
if "child" in sys.argv[2:]:
    common.start("stopped.py", start_new_session=True)
common.sign_in()
os.kill(os.getpid(), signal.SIGSTOP)
common.stay()
