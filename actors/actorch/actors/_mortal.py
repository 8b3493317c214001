"""What has an end that others want to hear of."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ClassVar

from ._reasons import ExitReason
from ._report import report

__all__ = ["Mortal"]

_log = logging.getLogger("actorch.actor")


class Mortal:
    """Ends once, for one reason.

    Attributes:
        reason: why it ended; None until its cleanup has run.
        supervised: whether somebody else sees to its end.
    """

    __slots__ = ("_mourners", "reason")

    supervised: ClassVar[bool] = False

    def __init__(self) -> None:
        self.reason: ExitReason | None = None
        self._mourners: dict[object, Callable[[ExitReason], object]] = {}

    def when_ended(self, key: object, function: Callable[[ExitReason], object]) -> None:
        """Have `function` called with the reason, once, after the end; at once if that was before.

        Args:
            key: names this wish, for `no_longer`; a second wish by that name replaces it.
            function: called on the thread that ends it, or on this one if that was before.
        """
        self._mourners[key] = function
        if self.reason is not None:
            self.tell_mourners(self.reason)

    def no_longer(self, key: object) -> None:
        """Take a wish back, if it has not come true already."""
        self._mourners.pop(key, None)

    def tell_mourners(self, reason: ExitReason) -> None:
        """Make the wishes come true, each once, whoever else does the same."""
        for key in list(self._mourners):
            function = self._mourners.pop(key, None)
            if function is not None:  # else another thread was quicker
                try:
                    function(reason)
                except BaseException as error:
                    report(_log, error, "%r raised when it heard of an end", function)

    def forget_mourners(self) -> None:
        """Tell nobody."""
        self._mourners.clear()
