"""Which children are restarted when one has ended. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from actorch.actors import ExitReason

__all__ = ["RESTART_TYPES", "STRATEGIES", "RestartType", "Strategy", "bystanders", "wants_restart"]

Strategy: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one"]
RestartType: TypeAlias = Literal["permanent", "transient", "temporary"]

STRATEGIES: Final = ("one_for_one", "one_for_all", "rest_for_one")
RESTART_TYPES: Final = ("permanent", "transient", "temporary")


def bystanders(strategy: Strategy, ids: Sequence[str], failed: str) -> tuple[str, ...]:
    """The other children that are stopped and restarted, too, in the order of their start.

    As `restart/3` of OTP's supervisor.erl. Those that are temporary are stopped as well, but never
    come back.

    Args:
        strategy: "one_for_one": nobody else; "one_for_all": everybody else; "rest_for_one": those
            that were started after it.
        ids: all children, in the order of their start.
        failed: the one that is to be restarted.

    Raises:
        ValueError: `failed` is none of `ids`; not noticed with "one_for_one".
    """
    if strategy == "one_for_one":
        return ()
    place = ids.index(failed)
    before = () if strategy == "rest_for_one" else tuple(ids[:place])
    return (*before, *ids[place + 1 :])


def wants_restart(restart: RestartType, reason: ExitReason) -> bool:
    """Whether a child that ended by itself is started again.

    As `do_restart/3` of OTP's supervisor.erl: "permanent" always, "temporary" never, "transient"
    after a failure. Akka's supervision likewise answers failures only: an actor that stops itself
    is stopped.
    """
    if restart == "transient":
        return reason.abnormal
    return restart == "permanent"
