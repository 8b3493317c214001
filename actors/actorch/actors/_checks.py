"""Checks of single values; each error names the key, the value, and what may stand there."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

from ._errors import SpecError
from ._shown import unless_container, unshown

__all__ = [
    "ARGUMENT_BYTES",
    "check_bool",
    "check_int",
    "check_keys",
    "check_name",
    "check_number",
    "check_seconds",
    "check_string",
    "check_type",
    "check_word",
    "is_list",
    "is_number",
    "is_table",
    "string_problem",
    "text_size",
]

YEAR: Final = 366 * 86400.0
"""The longest duration, in seconds. What is longer is a slip of the keyboard."""

ARGUMENT_BYTES: Final = 131_071
"""The kernel's limit of one argument or variable (MAX_ARG_STRLEN without the final NUL)."""

NAME: Final = 200
"""The most characters of the name of something that people read about."""


def check_bool(key: str, value: object) -> bool:
    """`value`, if it is a boolean."""
    if not isinstance(value, bool):
        raise SpecError(key, value, "true or false")
    return value


def check_int(key: str, value: object, lowest: int, highest: int) -> int:
    """`value`, if it is a whole number within the limits; a boolean is none."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise SpecError(key, value, f"a whole number from {lowest} to {highest}")
    return value


def check_number(key: str, value: object, lowest: int, highest: int) -> float:
    """`value` as a float, if it is a number within the limits; a boolean is none."""
    if not is_number(value) or not lowest <= cast("float", value) <= highest:
        raise SpecError(key, unless_container(value), f"a number from {lowest} to {highest}")
    return float(cast("float", value))


def check_seconds(
    key: str,
    value: object,
    *,
    zero: bool = False,
    what: str = "a number of seconds",
    written: str | None = None,
) -> float:
    """`value` as a float, if it is a sensible number of seconds.

    Args:
        key: where it stands, for the error.
        value: what stands there.
        zero: whether 0 is allowed.
        what: what is allowed, for the error.
        written: the text that `value` was read from, if it was.
    """
    found = value if written is None else written
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise SpecError(key, found, what)
    if value < 0 or (value == 0 and not zero):
        raise SpecError(key, found, f"{what}, {'0 or more' if zero else 'more than 0'}")
    if value > YEAR:
        raise SpecError(key, found, f"{what}, at most 366 days")
    return float(value)


def check_string(key: str, value: object, what: str = "a string") -> str:
    """`value`, if it is a string that can be handed to a program."""
    if problem := string_problem(value, what):
        raise SpecError(key, value, problem)
    return cast("str", value)


def string_problem(value: object, what: str = "a string") -> str | None:
    """What `value` must be instead; None if it is a string that can be handed to a program."""
    if not isinstance(value, str):
        return what
    if "\0" in value:
        return f"{what} without NUL, which no program can be given"
    return f"{what} without lone surrogates" if text_size(value) is None else None


def text_size(value: str) -> int | None:
    """The size of `value` in bytes; None if it has surrogates that do not stand for raw bytes."""
    try:
        return len(os.fsencode(value))
    except UnicodeEncodeError:
        return None


def check_type(key: str, value: object, expected: type) -> None:
    """Refuse `value` unless it is an instance of `expected`."""
    if not isinstance(value, expected):
        raise SpecError(key, unless_container(value), f"a {expected.__name__}")


def check_word(key: str, value: object, words: Sequence[str]) -> None:
    """Refuse `value` unless it is one of `words`."""
    if not isinstance(value, str) or value not in words:
        raise SpecError(key, unless_container(value), f"one of {', '.join(words)}")


def check_name(key: str, value: object) -> None:
    """Refuse `value` unless it can be the name of something that people read about."""
    if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= NAME:
        raise SpecError(key, unless_container(value), f"1 to {NAME} printable characters")


def check_keys(where: str, table: Mapping[str, object], allowed: Iterable[str]) -> None:
    """Refuse the first key that is not allowed, with a guess of what was meant."""
    known = list(allowed)
    for key, value in table.items():
        if key not in known:
            guess = _guess(key, known)
            hint = f"did you mean {guess!r}?" if guess else f"known are {', '.join(known)}"
            found = unshown(value) if guess == "env" else unless_container(value)
            path = f"{where}.{key}" if where else key
            raise SpecError(path, found, f"left out: there is no such key; {hint}")


def _guess(key: str, known: Sequence[str]) -> str | None:
    close = difflib.get_close_matches(key.lower(), known, n=1)
    return close[0] if close else next((one for one in known if key.lower().startswith(one)), None)


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
