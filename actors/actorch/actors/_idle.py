"""The shims that wait for their next process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ._shim_link import ShimLink

__all__ = ["IdleShims"]

KEPT: Final = 16
"""So many idle shims are kept, or as many as are busy if that is more."""


class IdleShims:
    """A pile: the one that came last goes first, since its memory is the warmest."""

    def __init__(self) -> None:
        self._pile: list[ShimLink] = []

    def put(self, shim: ShimLink) -> None:
        """It has no process."""
        self._pile.append(shim)

    def take(self, apart: bool) -> ShimLink | None:
        """One of that kind; None if there is none."""
        found = next((shim for shim in reversed(self._pile) if shim.apart is apart), None)
        if found is not None:
            self.discard(found)
        return found

    def discard(self, shim: ShimLink) -> None:
        """It is gone, if it was here."""
        if shim in self._pile:
            self._pile.remove(shim)

    def surplus(self, shims: int) -> ShimLink | None:
        """The one to be sent home, when there are `shims` in all; None if all are worth keeping."""
        return self._pile[0] if len(self._pile) > max(KEPT, shims // 2) else None

    def __iter__(self) -> Iterator[ShimLink]:
        return iter(list(self._pile))

    def __len__(self) -> int:
        return len(self._pile)

    def __repr__(self) -> str:
        return f"<IdleShims {len(self._pile)}>"
