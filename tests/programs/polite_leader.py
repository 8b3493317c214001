"""Obeys SIGTERM, but its child, unless another one is named, ignores it.

With "setsid" or "setpgid" the child is on its own.
"""

import sys

import common

how = sys.argv[2:]
options = {"start_new_session": "setsid" in how}
if "setpgid" in how:
    options["process_group"] = 0
common.start("stays.py" if "stays.py" in how else "stubborn.py", **options)
common.sign_in()
common.stay()
