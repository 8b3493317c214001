"""Run by path, as ``python -I -S -B …/_keeper/__main__.py DESCRIPTOR APP_PID``."""

import os
import sys

if __name__ == "__main__":
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    __import__("_keeper.keeper").keeper.main(*sys.argv[1:])
