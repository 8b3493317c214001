"""A machine that has everything that agents may ask for, since it has no processes to hold."""

from __future__ import annotations

from .._isolation import Confinement, Machine
from .._process_events import GroupOrder
from .._spec import AgentSpec

__all__ = ["FakeMachine"]


class FakeMachine(Machine):
    """The same wherever a test runs. Nothing is tried out."""

    def __init__(self) -> None:
        super().__init__({})

    def why_not(self, isolation: str) -> str | None:
        """There is no reason."""
        return None

    def why_no_limit(self, controller: str) -> str | None:
        """There is no reason."""
        return None

    @property
    def best(self) -> str:
        """What a Linux without cgroups has."""
        return "shim"

    def group_order(self, spec: AgentSpec, confinement: Confinement) -> GroupOrder | None:
        """No directory is made."""
        return None

    def __repr__(self) -> str:
        return "<FakeMachine>"
