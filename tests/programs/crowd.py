"""So many children, which ignore SIGTERM."""

import os
import sys

import common

common.ignore_polite_signals()
for _ in range(int(sys.argv[2])):
    if os.fork() == 0:
        break
common.sign_in()
common.stay()
