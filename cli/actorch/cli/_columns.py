"""Texts side by side on a terminal: wide characters take two columns, combining ones none."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

import click

__all__ = ["columns", "padded", "prefix", "prefix_width"]

_WIDEST: Final = 24
"""Columns of a prefix; longer names stick out."""
_WIDE: Final = ("W", "F")
_WITHOUT: Final = ("Mn", "Me", "Cf")


def columns(text: str) -> int:
    """How many columns a text takes. UAX 11, East Asian Width."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, text))


def _columns_of(sign: str) -> int:
    if unicodedata.category(sign) in _WITHOUT:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in _WIDE else 1


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text with spaces after it, or with `right` before it, so that it takes `width`."""
    space = " " * (width - columns(text))
    return space + text if right else text + space


def prefix_width(names: Iterable[str]) -> int:
    """The width of all prefixes with these names."""
    return min(_WIDEST, max(map(columns, names), default=0))


def prefix(name: str, width: int, mark: str, colour: bool) -> str:
    """What stands before a line: whose it is, and what it is.

    Args:
        name: whose it is.
        width: that all prefixes have.
        mark: "│" for what was printed, "║" for what was complained, "●" for what became of it.
        colour: whether to use colours.
    """
    text = f"{padded(name, width)} {mark}"
    return click.style(text, dim=True, fg="red" if mark == "║" else None) if colour else text
