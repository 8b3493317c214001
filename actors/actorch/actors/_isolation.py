"""How an agent's processes are held together, and which ways there are on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Final

import msgspec

from ._cgroup import AgentGroups, Delegation, NotDelegatedError, find_delegation
from ._errors import SpecError
from ._keeper_link import PROGRAM
from ._printed import output_of
from ._process_events import GroupOrder
from ._spec import AgentSpec

__all__ = ["Confinement", "Machine"]


class Confinement(msgspec.Struct, frozen=True):
    """What holds one agent's processes together.

    Attributes:
        isolation: "session", "shim", "cgroup" or "pidns": what "auto" has come to.
        grouped: whether it gets a cgroup, if only for its limits.
        watched: whether actorch looks after its memory, since no cgroup can.
    """

    isolation: str = "shim"
    grouped: bool = False
    watched: bool = False


class Machine:
    """What this machine can do for the isolation of agents; found out when it is asked for.

    Args:
        environment: this process's own.
        python: what keepers run with.
    """

    def __init__(self, environment: Mapping[str, str], python: str = sys.executable) -> None:
        self._environment = environment
        self._python = python

    @cached_property
    def _delegated(self) -> Delegation | str:
        try:
            return find_delegation(self._environment)
        except NotDelegatedError as error:
            return str(error)
        except OSError as error:
            return f"trying it out failed: {error}"

    @property
    def delegation(self) -> Delegation | None:
        """Where agents can have cgroups; None if nowhere."""
        return None if isinstance(self._delegated, str) else self._delegated

    @cached_property
    def groups(self) -> AgentGroups | None:
        """The cgroups of this app's agents."""
        return None if self.delegation is None else AgentGroups(self.delegation)

    @cached_property
    def _no_pidns(self) -> str | None:
        if sys.platform != "linux":
            return "only Linux has pid namespaces"
        try:
            printed = output_of(self._python, "-I", "-S", PROGRAM, "namespace").strip()
        except OSError as error:
            return f"trying it out failed: {error}"
        if printed == b"0":
            return None
        reason = os.strerror(int(printed)) if printed.isdigit() else "it could not be tried out"
        return f"the kernel allows none here: {reason}"

    def why_not(self, isolation: str) -> str | None:
        """Why this isolation is not available here; None if it is."""
        match isolation:
            case "shim":
                return None if sys.platform == "linux" else "only Linux has subreapers"
            case "cgroup":
                return self._delegated if isinstance(self._delegated, str) else None
            case "pidns":
                return self._no_pidns
            case _:
                return None

    def why_no_limit(self, controller: str) -> str | None:
        """Why no cgroup can limit this here; None if one can."""
        if isinstance(self._delegated, str):
            return self._delegated
        if controller in self._delegated.controllers:
            return None
        return self._delegated.problem or "its controller is not available"

    @property
    def best(self) -> str:
        """What "auto" comes to."""
        if self.why_not("shim") is not None:
            return "session"
        return "shim" if self.why_not("cgroup") else "cgroup"

    def confine(self, spec: AgentSpec) -> Confinement:
        """What is to hold an agent's processes together.

        Raises:
            SpecError: it asks for what is not available here.
        """
        isolation = self.best if spec.isolation == "auto" else spec.isolation
        if reason := self.why_not(isolation):
            raise SpecError("isolation", isolation, f"available on this machine: {reason}")
        for key, controller in (("cpu_quota", "cpu"), ("pids_max", "pids")):
            limit = getattr(spec, key)
            if limit is not None and (reason := self.why_no_limit(controller)):
                allowed = f"left out on this machine, where no cgroup can limit it: {reason}"
                raise SpecError(key, limit, allowed)
        watched = spec.memory_max is not None and self.why_no_limit("memory") is not None
        grouped = isolation == "cgroup" or bool(_limits(spec, watched))
        return Confinement(isolation, grouped, watched)

    def group_order(self, spec: AgentSpec, confinement: Confinement) -> GroupOrder | None:
        """An order for the agent's cgroup; None if it gets none.

        Raises:
            OSError: its directory cannot be made.
        """
        if not confinement.grouped or self.groups is None:
            return None
        return self.groups.order(tuple(_limits(spec, confinement.watched)))

    def close(self) -> None:
        """Remove the cgroups that were made."""
        if "groups" in vars(self) and self.groups is not None:
            self.groups.close()

    def __repr__(self) -> str:
        return f"<Machine, isolation {self.best}>"


_MEMORY: Final = ("memory.max={}", "?memory.swap.max=0", "?memory.oom.group=1")
_PERIOD: Final = 100_000
"""Microseconds in which an agent may use so much time; the kernel's own default."""


def _limits(spec: AgentSpec, watched: bool) -> list[str]:
    """What is written into the files of a cgroup; the kernel's cgroup-v2.rst has their names."""
    limits: list[str] = []
    if spec.memory_max is not None and not watched:
        limits += [text.format(spec.memory_max) for text in _MEMORY]
    if spec.cpu_quota is not None:
        limits.append(f"cpu.max={round(spec.cpu_quota * _PERIOD)} {_PERIOD}")
    if spec.pids_max is not None:
        limits.append(f"pids.max={spec.pids_max}")
    return limits
