"""The command line: `actorch`."""

from ._main import main

__all__ = ["main"]
