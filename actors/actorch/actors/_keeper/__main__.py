"""Run by path, as ``python -I -S -B …/_keeper/__main__.py DESCRIPTOR APP_PID``.

With ``namespace`` for its only word it prints the errno of why there can be no pid namespace, or 0.
"""

import os
import sys

if __name__ == "__main__":
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if sys.argv[1:] == ["namespace"]:
        print(__import__("_keeper.namespace").namespace.probe())
    else:
        __import__("_keeper.keeper").keeper.main(*sys.argv[1:])
