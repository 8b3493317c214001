"""What the streams of this process can show, and writing to those that may be gone."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Mapping
from typing import IO

__all__ = ["can_redraw", "say", "wants_colour", "write_all", "write_error", "write_error_bytes"]


def wants_colour(stream: IO[str], choice: str, environment: Mapping[str, str]) -> bool:
    """Whether to colour what goes to `stream`.

    The choice of the user comes first, then NO_COLOR (no-color.org), then FORCE_COLOR and
    CLICOLOR_FORCE, then whether it is a terminal that can.
    """
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if environment.get(name, "0") != "0":
            return True
    return _is_terminal(stream) and environment.get("TERM") != "dumb"


def can_redraw(stream: IO[str], environment: Mapping[str, str]) -> bool:
    """Whether lines on it can be drawn again."""
    return _is_terminal(stream) and environment.get("TERM", "dumb") != "dumb"


def _is_terminal(stream: IO[str]) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything, however little is taken at a time; wait where writing does not block.

    Raises:
        OSError: it cannot be written.
    """
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


def write_error(text: str) -> None:
    """Write to standard error, if anybody is there; from a signal handler, too."""
    write_error_bytes(text.encode(sys.stderr.encoding or "utf-8", "replace"))


def write_error_bytes(data: bytes) -> None:
    """The same for bytes."""
    try:
        write_all(2, data)
    except OSError:
        return  # a terminal that was closed; what goes on is what counts


def say(text: str) -> None:
    """One line of actorch's own on standard error."""
    write_error(f"actorch: {text}\n")
