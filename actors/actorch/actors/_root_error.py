"""The root of the tree of errors that `_errors` draws."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["ActorchError"]


class ActorchError(Exception):
    """The root of everything actorch raises.

    Attributes:
        exit_code: what the command line exits with when this error ends it.
        retryable: whether doing the same thing again may well succeed.
    """

    exit_code: ClassVar[int] = 125
    retryable: ClassVar[bool] = False
