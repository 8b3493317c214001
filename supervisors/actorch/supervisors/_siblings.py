"""Who stops and starts in step with whom, for one supervisor."""

from __future__ import annotations

from collections.abc import Callable

from ._strategy import Strategy
from ._sweep import Sweep
from ._tree_child import Child, First

__all__ = ["Siblings"]


class Siblings:
    """The children of one supervisor, in the order of their start, and the sweep through them.

    There is a sweep when the supervisor opens; and, where children depend on each other, when one
    of them has failed, and when all are stopped.

    Args:
        strategy: who else is restarted when one has failed.

    Attributes:
        children: all, by their ids.
        in_order: whether they depend on each other.
    """

    def __init__(self, strategy: Strategy) -> None:
        self.children: dict[str, Child] = {}
        self.in_order = strategy != "one_for_one"
        self._whole = strategy == "one_for_all"
        self._sweep: Sweep[Child] | None = None
        self._failed: list[Child] = []

    @property
    def sweeping(self) -> bool:
        """Whether a sweep says who is stopped and started next."""
        return self._sweep is not None

    def open(self) -> None:
        """Have them started, in order."""
        self._sweep = Sweep(list(self.children.values()), down=False)

    def close(self) -> None:
        """Have them stopped, in the reverse of it, if they depend on each other."""
        children = list(self.children.values())
        self._sweep = Sweep(children, down=True) if self.in_order else None

    def restart_with(self, failed: Child) -> None:
        """Have those stopped, and started again, that depend on one that has failed."""
        if not self.in_order:
            return
        if self._sweep is None:
            children = list(self.children.values())
            self._sweep = Sweep(children, len(children), down=True)
        self._sweep.again(0 if self._whole else self._sweep.place_of(failed))
        if failed not in self._failed:
            self._failed.append(failed)

    def join(self, child: Child, first: First) -> bool:
        """Have a child started when it is its turn; False if it need not wait for that."""
        if self._sweep is None:
            return False
        if first == "start_child":
            self._sweep.append(child)
        elif self._sweep.place_of(child) < self._sweep.floor:
            return False  # none of those concerned is before it
        else:
            self._sweep.revisit()
        return True

    def is_bystander(self, child: Child) -> bool:
        """Whether it is on the way down anyway: that it fails by itself is no news then."""
        sweep = self._sweep
        return sweep is not None and sweep.down and sweep.place_of(child) >= sweep.floor

    def go_on(
        self, stop: Callable[[Child], object], begin: Callable[[Child], object] | None
    ) -> None:
        """Take the next step of the sweep, as far as those before it are done.

        Nobody is started again before the backoffs of all that have failed are over.

        Args:
            stop: called with a child that is to be stopped.
            begin: called with a child that is to be started; None if none is.
        """
        sweep = self._sweep
        if sweep is None:
            return
        if (child := sweep.next_to_stop()) is not None:
            if child.state != "stopping":
                stop(child)
        elif begin is None or (child := sweep.next_to_start()) is None:
            self._sweep = None
            self._failed.clear()
        elif child.state == "waiting" and all(one.due is None for one in (child, *self._failed)):
            begin(child)

    def __repr__(self) -> str:
        return f"<Siblings: {len(self.children)}, {self._sweep!r}>"
