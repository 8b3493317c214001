"""Durations as people write them: `90`, `1.5s`, `5m`, `1h30m`."""

from __future__ import annotations

import re
from typing import Final

from ._checks import check_seconds
from ._errors import SpecError

__all__ = ["DURATION", "parse_duration"]

DURATION: Final = "a duration such as 90, 1.5s, 5m or 1h30m"

_UNITS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_NUMBER: Final = r"\d+(?:\.\d+)?"
_PLAIN: Final = re.compile(_NUMBER, re.ASCII)
_WHOLE: Final = re.compile(
    "".join(f"(?:(?P<{unit}>{_NUMBER}){unit})?" for unit in _UNITS), re.ASCII
)


def parse_duration(key: str, value: object, *, zero: bool = False, what: str = DURATION) -> float:
    """Seconds, from a number or from a string: a number, or numbers with units.

    Units are ``d``, ``h``, ``m``, ``s`` and ``ms``, each once at most and in this order.

    Args:
        key: where it stands, for the error.
        value: what stands there.
        zero: whether 0 is allowed.
        what: what is allowed, for the error.

    Raises:
        SpecError: it is no duration, negative, not finite, or longer than a year.
    """
    if not isinstance(value, str):
        return check_seconds(key, value, zero=zero, what=what)
    text = value.strip()
    if _PLAIN.fullmatch(text):
        seconds = float(text)
    elif text and (match := _WHOLE.fullmatch(text)):
        parts = match.groupdict()
        seconds = sum(float(parts[unit] or 0) * _UNITS[unit] for unit in _UNITS)
    else:
        raise SpecError(key, value, what)
    return check_seconds(key, seconds, zero=zero, what=what, written=value)
