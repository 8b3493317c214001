"""What supervisors are: their children, and the rules over them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actorch.actors import SpecError
from actorch.actors._checks import check_int, check_word, is_list
from actorch.actors._shown import unless_container

from ._budget import Budget
from ._child import ChildSpec
from ._strategy import STRATEGIES, Strategy
from ._supervisor_spec import MOST, SupervisorSpec

__all__ = ["DynamicSupervisor", "Supervisor"]


class Supervisor(SupervisorSpec, frozen=True):
    """Children that are started in order, and stopped in the reverse of it.

    Attributes:
        children: those that it starts with; their ids are unique.
        strategy: who is restarted when one has failed: "one_for_one" (it alone), "one_for_all"
            (all), or "rest_for_one" (it, and those that were started after it).
        child_budget: how often each child may be restarted, unless it has a budget of its own.
        budget: how often all of them together may be; a fuse, which always escalates. None for no
            limit.
        auto_shutdown: when the supervisor ends because significant children ended by themselves:
            "never", "any_significant", or "all_significant".
        max_concurrent_starts: how many children may be starting at once; None for no limit.
        breaker: when restarts pause because many children fail alike; None for never. Only with
            "one_for_one".
        stash: how many messages wait for a child while it is restarted.
        name: for people; at most 200 printable characters.

    Raises:
        SpecError: names the field, the value, and what is allowed.
    """

    children: Sequence[ChildSpec] = ()  # pyright: ignore[reportIncompatibleMethodOverride]  # frozen
    strategy: Strategy = "one_for_one"  # pyright: ignore[reportIncompatibleMethodOverride]  # frozen

    def __post_init__(self) -> None:
        super().__post_init__()
        check_word("supervisor.strategy", self.strategy, STRATEGIES)
        if self.breaker is not None and self.strategy != "one_for_one":
            allowed = "left out: restarts that drag others along cannot be paused one by one"
            raise SpecError("supervisor.breaker", self.breaker, allowed)
        msgspec.structs.force_setattr(self, "children", _checked_children(self.children))
        for child in self.children:
            self.check_child(child)

    def __repr__(self) -> str:
        return f"<Supervisor {self.name}: {self.strategy}, {len(self.children)} children>"


class DynamicSupervisor(SupervisorSpec, frozen=True, kw_only=True):
    """Children that come and go while it runs, and know nothing of each other.

    Each is restarted alone, and all are stopped at once.

    Attributes:
        max_children: how many there may be at once; None for no limit.
        child_budget: how often each child may be restarted, unless it has a budget of its own; one
            that needs more is given up.
        budget: how often all of them together may be; a fuse, which always escalates. None for no
            limit.
        auto_shutdown: when the supervisor ends because significant children ended by themselves:
            "never", "any_significant", or "all_significant".
        max_concurrent_starts: how many children may be starting at once; None for no limit.
        breaker: when restarts pause because many children fail alike; None for never.
        stash: how many messages wait for a child while it is restarted.
        name: for people; at most 200 printable characters.

    Raises:
        SpecError: names the field, the value, and what is allowed.
    """

    max_children: int | None = None  # pyright: ignore[reportIncompatibleMethodOverride]  # frozen
    child_budget: Budget = Budget(then="stop")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_children is not None:
            check_int("supervisor.max_children", self.max_children, 1, MOST)

    def __repr__(self) -> str:
        most = "any number of" if self.max_children is None else f"at most {self.max_children}"
        return f"<DynamicSupervisor {self.name}: {most} children>"


def _checked_children(value: object) -> tuple[ChildSpec, ...]:
    children = is_list(value)
    if children is None:
        raise SpecError("supervisor.children", unless_container(value), "a list of ChildSpec")
    found: dict[str, ChildSpec] = {}
    for number, child in enumerate(children):
        if not isinstance(child, ChildSpec):
            key = f"supervisor.children[{number}]"
            raise SpecError(key, unless_container(child), "a ChildSpec")
        if child.id in found:
            raise SpecError("child.id", child.id, "unique: another child has it, too")
        found[child.id] = child
    return tuple(found.values())
