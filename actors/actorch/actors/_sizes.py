"""Sizes as people write them: `1048576`, `512M`, `1.5G`."""

from __future__ import annotations

import re
from typing import Final

from ._errors import SpecError

__all__ = ["SIZE", "parse_size", "size_text"]

SIZE: Final = "a size such as 1048576, 512M or 1.5G"
LARGEST: Final = 1 << 50
"""The largest size, in bytes. What is larger is a slip of the keyboard."""

_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_WHOLE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)


def parse_size(key: str, value: object, *, what: str = SIZE, least: int = 1) -> int:
    """Bytes, from a whole number or from a string: a number, or one with a unit.

    Units are K, M, G and T, powers of 1024 as in systemd and docker; ``KiB`` and ``KB`` are the
    same.

    Args:
        key: where it stands, for the error.
        value: what stands there.
        what: what is allowed, for the error.
        least: the smallest size that makes sense.

    Raises:
        SpecError: it is no size, smaller than `least`, or larger than a pebibyte.
    """
    size = value
    if isinstance(value, str):
        match = _WHOLE.fullmatch(value.strip())
        size = int(float(match[1]) * _UNITS[match[2].upper()]) if match else None
    if isinstance(size, bool) or not isinstance(size, int):
        raise SpecError(key, value, what)
    if not least <= size <= LARGEST:
        raise SpecError(key, value, f"{what}, from {size_text(least)} to {size_text(LARGEST)}")
    return size


def size_text(size: float) -> str:
    """A number of bytes as one reads it: ``512 MiB``, ``1.5 GiB``, ``900 bytes``."""
    if size < 1024:
        return f"{size:.0f} byte" + "s" * (f"{size:.0f}" != "1")
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.3g} {unit}" if size < 999.5 else f"{size:.0f} {unit}"
    return f"{size / 1024:.4g} TiB"
