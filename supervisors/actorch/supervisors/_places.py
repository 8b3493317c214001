"""Where a system keeps its files: the state directory, and one directory for each run."""

from __future__ import annotations

import datetime
import os
import secrets
import tempfile
from collections.abc import Mapping
from typing import Final

import msgspec

from actorch.actors._errors import UsageError

__all__ = [
    "Place",
    "current_directory",
    "default_state_directory",
    "make_run_directory",
    "make_state_directory",
    "state_directory",
]

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


class Place(msgspec.Struct, frozen=True):
    """A directory, and what was wrong with the one that was asked for, if anything."""

    path: str
    problem: str | None = None


def default_state_directory(environment: Mapping[str, str]) -> str:
    """``$ACTORCH_STATE_DIR``, or ``actorch`` in the XDG state directory.

    The XDG Base Directory Specification asks to ignore a relative path.
    """
    if chosen := environment.get("ACTORCH_STATE_DIR"):
        return os.path.abspath(chosen)
    state = environment.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        state = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "actorch")


def state_directory(path: str | None) -> str:
    """The one that was asked for, or the default one."""
    return default_state_directory(os.environ) if path is None else os.path.abspath(path)


def current_directory() -> str:
    """Where agents work that name no directory of their own.

    Raises:
        UsageError: it was removed.
    """
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise UsageError("the current directory was removed; change to one that exists") from None


def make_state_directory(path: str | None = None) -> Place:
    """Make the state directory, private to the user.

    Where it cannot be made, a temporary one stands in: agents must be able to run on a machine
    whose home is read-only or full.
    """
    wanted = state_directory(path)
    try:
        os.makedirs(os.path.join(wanted, "runs"), mode=0o700, exist_ok=True)
        return Place(wanted)
    except OSError as error:
        return _stand_in(wanted, error)


def _stand_in(wanted: str, error: OSError) -> Place:
    path = tempfile.mkdtemp(prefix="actorch-")
    os.mkdir(os.path.join(path, "runs"), mode=0o700)
    return Place(path, f"{wanted}: {error.strerror}; using {path}")


def make_run_directory(state: Place, now: float) -> tuple[str, Place]:
    """Make the directory of a new run; its name is the run's id: UTC time and four letters.

    Args:
        state: the state directory.
        now: seconds since the epoch.
    """
    while True:
        run_id = _run_id(now)
        path = os.path.join(state.path, "runs", run_id)
        try:
            os.mkdir(path, mode=0o700)
        except FileExistsError:
            continue
        except OSError as error:
            place = _stand_in(path, error)
            return run_id, place
        return run_id, Place(path, state.problem)


def _run_id(now: float) -> str:
    stamp = datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}-{''.join(secrets.choice(_ALPHABET) for _ in range(4))}"
