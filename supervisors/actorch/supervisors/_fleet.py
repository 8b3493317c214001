"""What a run is: its agents, and the rules over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from actorch.actors import AgentSpec, SpecError
from actorch.actors._checks import check_bool, check_int, check_seconds, is_list
from actorch.actors._shown import unless_container

from ._quorum import Quorum

__all__ = ["RunSpec"]

MOST: Final = 1_000_000
"""The largest `max_concurrent`."""
LABEL: Final = 200
"""The most characters of `name`, `spec_id` and `stage`."""


class RunSpec(msgspec.Struct, frozen=True):
    """A run, checked whole when it is made.

    Attributes:
        agents: at least one; their names are unique.
        name: for people, in the output and in the history; at most 200 printable characters.
        spec_id: reaches every agent as ``SPEC_ID``; the same is allowed.
        stage: reaches every agent as ``STAGE``; the same is allowed.
        quorum: how many agents must succeed: "all", "majority", "any", a fraction such as "2/3", or
            a number.
        max_concurrent: how many may run at once; the others wait in the order of `agents`.
        deadline: seconds for the whole run, queueing and backoffs included; None for no limit.
        fail_fast: whether the first agent that fails for good stops the run.
        on_impossible: whether a run stops once its quorum cannot be reached any more.

    Raises:
        SpecError: names the field, the value, and what is allowed.
    """

    agents: Sequence[AgentSpec]
    name: str = ""
    spec_id: str = ""
    stage: str = ""
    quorum: Quorum | str | int = "all"
    max_concurrent: int = 10
    deadline: float | None = None
    fail_fast: bool = False
    on_impossible: Literal["stop", "continue"] = "stop"

    def __post_init__(self) -> None:
        set_field = msgspec.structs.force_setattr
        set_field(self, "agents", _checked_agents(self.agents))
        for key in ("name", "spec_id", "stage"):
            _check_label(key, getattr(self, key))
        set_field(self, "quorum", Quorum.of(self.quorum))
        _ = self.required
        check_int("max_concurrent", self.max_concurrent, 1, MOST)
        if self.deadline is not None:
            set_field(self, "deadline", check_seconds("deadline", self.deadline))
        check_bool("fail_fast", self.fail_fast)
        if self.on_impossible not in ("stop", "continue"):
            raise SpecError("on_impossible", self.on_impossible, '"stop" or "continue"')

    @property
    def required(self) -> int:
        """How many agents must succeed."""
        return Quorum.of(self.quorum).required(len(self.agents))

    def __repr__(self) -> str:
        return f"<RunSpec {self.name or 'unnamed'}: {self.required} of {len(self.agents)} agents>"


def _checked_agents(value: object) -> tuple[AgentSpec, ...]:
    agents = is_list(value)
    if not agents:
        raise SpecError("agents", unless_container(value), "a list of one AgentSpec or more")
    found: dict[str, AgentSpec] = {}
    for number, agent in enumerate(agents):
        if not isinstance(agent, AgentSpec):
            raise SpecError(f"agents[{number}]", unless_container(agent), "an AgentSpec")
        if agent.name in found:
            raise SpecError("name", agent.name, "unique: another agent of the run has it, too")
        found[agent.name] = agent
    return tuple(found.values())


def _check_label(key: str, value: object) -> None:
    if not isinstance(value, str) or not value.isprintable() or len(value) > LABEL:
        raise SpecError(key, value, f"a string of at most {LABEL} printable characters")
