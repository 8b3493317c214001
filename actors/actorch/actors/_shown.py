"""How keys and values appear in errors: on one line, bounded, and without secrets."""

from __future__ import annotations

import msgspec

__all__ = ["Elided", "one_line", "shown", "unless_container", "unshown"]


class Elided(msgspec.Struct, frozen=True):
    """Stands for a value in an error that is not shown, or is not there.

    Attributes:
        text: what is shown in its place.
    """

    text: str

    def __repr__(self) -> str:
        return f"<{self.text}>"


def unshown(value: object) -> Elided:
    """What stands for a value that may be a secret: its type."""
    return Elided(f"{type(value).__name__}, not shown")


def unless_container(value: object) -> object:
    """`value`, or its stand-in if it is a container: somewhere within may be an `env`."""
    return value if isinstance(value, str | int | float | None) else unshown(value)


def one_line(text: str, most: int) -> str:
    """`text` with its control characters escaped, and without its middle if it is too long.

    Args:
        text: any text.
        most: so many characters are returned at most; 10 or more.
    """
    text = _cut(text, most)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escaped(c) for c in text)
    half = (most - 3) // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"


def shown(value: object, most: int) -> str:
    """The repr of any value at all, on one line of at most `most` characters."""
    try:
        return one_line(repr(_cut(value, most) if type(value) is str else value), most)
    except Exception:  # too large a number, too deep a list, or a broken __repr__
        return one_line(f"<{type(value).__name__}>", most)


def _cut(text: str, most: int) -> str:
    """Enough of a very long text, so that escaping it does not take long."""
    return text if len(text) <= 2 * most else text[:most] + text[-most:]


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
