"""Checks of single values; each error names the key, the value, and what may stand there."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable, Mapping
from typing import Final, cast

from ._errors import SpecError

__all__ = [
    "ARGUMENT_BYTES",
    "check_bool",
    "check_int",
    "check_keys",
    "check_seconds",
    "check_string",
    "check_text",
    "check_type",
    "is_list",
    "is_number",
    "is_table",
]

YEAR: Final = 366 * 86400.0
"""The longest duration, in seconds. What is longer is a slip of the keyboard."""

ARGUMENT_BYTES: Final = 131_071
"""The kernel's limit of one argument or variable (MAX_ARG_STRLEN without the final NUL)."""


def check_bool(key: str, value: object) -> bool:
    """`value`, if it is a boolean."""
    if not isinstance(value, bool):
        raise SpecError(key, value, "true or false")
    return value


def check_int(key: str, value: object, lowest: int, highest: int | None = None) -> int:
    """`value`, if it is a whole number within the limits."""
    allowed = f"a whole number from {lowest} to {highest}" if highest else f"{lowest} or more"
    if isinstance(value, bool) or not isinstance(value, int):
        raise SpecError(key, value, f"a whole number, {allowed}" if not highest else allowed)
    if value < lowest or (highest is not None and value > highest):
        raise SpecError(key, value, allowed)
    return value


def check_seconds(
    key: str,
    value: object,
    *,
    zero: bool = False,
    what: str = "a number of seconds",
    shown: object = None,
) -> float:
    """`value` as a float, if it is a sensible number of seconds."""
    shown = value if shown is None else shown
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise SpecError(key, shown, what)
    if value < 0 or (value == 0 and not zero):
        raise SpecError(key, shown, f"{what}, {'0 or more' if zero else 'more than 0'}")
    if value > YEAR:
        raise SpecError(key, shown, f"{what}, at most 366 days")
    return float(value)


def check_string(key: str, value: object, what: str = "a string") -> str:
    """`value`, if it is a string that can be handed to a program."""
    if not isinstance(value, str):
        raise SpecError(key, value, what)
    if "\0" in value:
        raise SpecError(key, value, f"{what} without NUL, which no program can be given")
    check_text(key, value)
    return value


def check_text(key: str, value: str) -> int:
    """The size of `value` in bytes; surrogates other than those for raw bytes are refused."""
    try:
        return len(os.fsencode(value))
    except UnicodeEncodeError:
        raise SpecError(key, value, "text without lone surrogates") from None


def check_type(key: str, value: object, expected: type) -> None:
    """Refuse `value` unless it is an instance of `expected`."""
    if not isinstance(value, expected):
        raise SpecError(key, value, f"a {expected.__name__}")


def check_keys(where: str, table: Mapping[str, object], allowed: Iterable[str]) -> None:
    """Refuse the first key that is not allowed, with a guess of what was meant."""
    known = list(allowed)
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
            path = f"{where}.{key}" if where else key
            raise SpecError(path, table[key], f"left out: there is no such key; {hint}")


def is_list(value: object) -> list[object] | None:
    """`value` as a list, None if it is something else than a list or a tuple."""
    return list(cast("list[object]", value)) if isinstance(value, list | tuple) else None


def is_number(value: object) -> bool:
    """Whether `value` is a number; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_table(value: object) -> dict[str, object] | None:
    """`value` as a dictionary with string keys, None if it is something else."""
    if not isinstance(value, Mapping):
        return None
    table = cast("Mapping[object, object]", value)
    if not all(isinstance(key, str) for key in table):
        return None
    return cast("dict[str, object]", dict(table))
