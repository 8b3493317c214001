"""A tree so many levels deep: each forks the next and ignores SIGTERM."""

import os
import sys

import common

common.ignore_polite_signals()
for _ in range(int(sys.argv[2]) - 1):
    if os.fork():
        break
common.sign_in()
common.stay()
