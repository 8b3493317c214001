"""What all specs of supervisors have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from actorch.actors import SpecError
from actorch.actors._checks import check_int, check_name, check_type, check_word

from ._breaker import Breaker
from ._budget import Budget
from ._strategy import Strategy

if TYPE_CHECKING:
    from ._child import ChildSpec

__all__ = ["SupervisorSpec"]

MOST: Final = 1_000_000
"""The largest number of children, of starts at once, and of messages that wait."""

_AUTO_SHUTDOWN: Final = ("never", "any_significant", "all_significant")


class SupervisorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The root of `Supervisor` and `DynamicSupervisor`; see there.

    A supervisor can be a child of another one: this class stands between their two files.
    """

    child_budget: Budget = Budget()
    budget: Budget | None = None
    auto_shutdown: Literal["never", "any_significant", "all_significant"] = "never"
    max_concurrent_starts: int | None = None
    breaker: Breaker | None = None
    stash: int = 1000
    name: str = "supervisor"

    def __post_init__(self) -> None:
        check_name("supervisor.name", self.name)
        check_type("supervisor.child_budget", self.child_budget, Budget)
        _check_fuse(self.budget)
        check_word("supervisor.auto_shutdown", self.auto_shutdown, _AUTO_SHUTDOWN)
        if self.max_concurrent_starts is not None:
            check_int("supervisor.max_concurrent_starts", self.max_concurrent_starts, 1, MOST)
        if self.breaker is not None:
            check_type("supervisor.breaker", self.breaker, Breaker)
        check_int("supervisor.stash", self.stash, 0, MOST)

    @property
    def children(self) -> Sequence[ChildSpec]:
        """The children that it starts with, in the order of their start."""
        return ()

    @property
    def strategy(self) -> Strategy:
        """Who else is restarted when one child has failed."""
        return "one_for_one"

    @property
    def max_children(self) -> int | None:
        """How many children there may be at once; None for no limit."""
        return None

    def check_child(self, child: ChildSpec) -> None:
        """Refuse a child that may not be here; for those that come later, too.

        Raises:
            SpecError: it is significant, and nothing is shut down automatically.
        """
        if child.significant and self.auto_shutdown == "never":
            allowed = "false, since the supervisor's auto_shutdown is never"
            raise SpecError(f"child.{child.id}.significant", child.significant, allowed)


def _check_fuse(value: object) -> None:
    if value is None:
        return
    check_type("supervisor.budget", value, Budget)
    if isinstance(value, Budget) and value.then != "escalate":
        allowed = '"escalate": it is over all children together, and none of them is the one'
        raise SpecError("supervisor.budget.then", value.then, allowed)
