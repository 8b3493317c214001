"""What `actorch logs` was asked for, checked."""

from __future__ import annotations

import datetime
from typing import Any, Final

import msgspec

from actorch.actors._clock import SystemClock
from actorch.actors._durations import parse_duration
from actorch.actors._errors import SpecError, UsageError
from actorch.supervisors._places import state_directory

__all__ = ["EVERY", "LAST", "LogOptions", "log_options"]

LAST: Final = 0
EVERY: Final = -1
_TIME: Final = "a duration such as 90, 10m or 1h30m, or a time such as 2026-11-25T18:30"
_MOST: Final = 1_000_000_000


class LogOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `actorch logs`.

    Attributes:
        run: what the run is called.
        agents: names; none for all of them.
        tail: how many lines of each file; None for all of them.
        since: seconds since the epoch.
        attempt: its number, `LAST` or `EVERY`.
    """

    run: str
    state_dir: str
    agents: tuple[str, ...] = ()
    follow: bool = False
    tail: int | None = None
    since: float | None = None
    timestamps: bool = False
    stdout: bool = True
    stderr: bool = True
    attempt: int = LAST
    raw: bool = False
    color: str = "auto"


def log_options(
    *,
    state_dir: str | None,
    tail: str | None,
    since: str | None,
    attempt: str | None,
    stdout: bool,
    stderr: bool,
    **rest: Any,
) -> LogOptions:
    """Check what was written.

    Raises:
        UsageError: something is wrong; one line says what is allowed.
    """
    if rest["raw"] and rest["timestamps"]:
        raise UsageError("--raw and --timestamps exclude each other; leave one of them out")
    return LogOptions(
        state_dir=state_directory(state_dir),
        tail=None if tail is None else _number("--tail", tail, 0, "a number of lines"),
        since=None if since is None else _moment("--since", since),
        attempt=_attempt("--attempt", attempt),
        stdout=stdout or not stderr,
        stderr=stderr or not stdout,
        **rest,
    )


def _attempt(key: str, text: str | None) -> int:
    if text is None:
        return LAST
    if text.strip() == "all":
        return EVERY
    return _number(key, text, 1, "the number of an attempt, from 1, or all")


def _number(key: str, text: str, least: int, what: str) -> int:
    word = text.strip()
    if not (word.isascii() and word.isdecimal() and len(word) < 10 and int(word) >= least):
        raise SpecError(key, text, what)
    return min(int(word), _MOST)


def _moment(key: str, text: str) -> float:
    """Seconds since the epoch; a time without a zone is of the local one."""
    try:
        return SystemClock().time() - parse_duration(key, text, zero=True)
    except SpecError:
        pass
    try:
        return datetime.datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise SpecError(key, text, _TIME) from None
