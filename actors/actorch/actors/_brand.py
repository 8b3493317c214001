"""The brand of an attempt: a number that all its processes carry and cannot lose by accident.

It is the soft limit RLIMIT_RTTIME, which every descendant inherits whatever session, environment,
directory or files it makes for itself, and which anybody may read. As a limit it means nothing: so
many microseconds of realtime scheduling are 146 000 years.
"""

from __future__ import annotations

import resource
import secrets

__all__ = ["brand_of", "brands_stick", "new_brand"]

_LOWEST = 1 << 62
_LINE = b"Max realtime timeout"


def new_brand() -> int:
    """A number that no other attempt has. It fits into a column of SQLite."""
    return _LOWEST | secrets.randbits(62)


def brands_stick() -> bool:
    """Whether a program that is started with a brand has it: by a look at our own hard limit."""
    limit = getattr(resource, "RLIMIT_RTTIME", None)
    return limit is not None and resource.getrlimit(limit)[1] == resource.RLIM_INFINITY


def brand_of(pid: int) -> int:
    """The brand that a process carries; 0 if it has none, or is gone. proc_pid_limits(5)."""
    try:
        with open(f"/proc/{pid}/limits", "rb") as file:
            _, _, rest = file.read().partition(_LINE)
    except OSError:
        return 0
    word = rest.split(maxsplit=1)[0] if rest else b""
    brand = int(word) if word.isdigit() else 0
    return brand if brand >= _LOWEST else 0
