"""How many agents must succeed. Pure."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from actorch.actors import SpecError

__all__ = ["Quorum"]

MOST: Final = 999_999_999
"""The largest number that may stand in a quorum."""

_WORDS: Final = ("all", "majority", "any")
_FRACTION: Final = re.compile(r"(\d{1,9})/(\d{1,9})", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,9}", re.ASCII)
_ALLOWED: Final = "all, majority, any, a number of agents, or a fraction such as 2/3"


class Quorum(msgspec.Struct, frozen=True):
    """A share of the agents of a run.

    Attributes:
        text: as it was written: "all", "majority", "any", "2/3" or "5".
    """

    text: str = "all"

    def __post_init__(self) -> None:
        if not _is_quorum(self.text):
            raise SpecError("quorum", self.text, _ALLOWED)

    @classmethod
    def of(cls, value: object) -> Quorum:
        """A quorum from what people write: a word, a fraction, a number, or a number as a string.

        Raises:
            SpecError: it is none of these, or a fraction below 0 or above 1.
        """
        if isinstance(value, Quorum):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            if not 1 <= value <= MOST:
                raise SpecError("quorum", value, _ALLOWED)
            return cls(str(value))
        if isinstance(value, str):
            return cls(value.strip())
        raise SpecError("quorum", value, _ALLOWED)

    def required(self, total: int) -> int:
        """How many of `total` agents must succeed: a fraction rounded up, a majority over half.

        Raises:
            SpecError: more than there are.
        """
        words = {"all": total, "majority": total // 2 + 1, "any": 1}
        if self.text in words:
            return words[self.text]
        if fraction := _FRACTION.fullmatch(self.text):
            part, whole = int(fraction[1]), int(fraction[2])
            return -(-total * part // whole)
        if int(self.text) > total:
            raise SpecError("quorum", int(self.text), f"at most the number of agents, {total}")
        return int(self.text)

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def _is_quorum(text: object) -> bool:
    if not isinstance(text, str):
        return False
    if fraction := _FRACTION.fullmatch(text):
        return 0 < int(fraction[1]) <= int(fraction[2])
    return text in _WORDS or (_NUMBER.fullmatch(text) is not None and int(text) > 0)
