"""Has a child that belongs to another user from when it has signed in (root only)."""

import os

import common

common.ignore_polite_signals()
if os.fork() == 0:
    common.sign_in()
    os.setresuid(65534, 65534, 65534)
    common.stay()
common.sign_in()
common.stay()
