"""Stops itself, as if by Ctrl-Z; ends with code 5 when told to end once it goes on."""

import os
import signal

import common

signal.signal(signal.SIGTERM, lambda *_args: os._exit(5))
common.sign_in()
os.kill(os.getpid(), signal.SIGSTOP)
common.stay()
