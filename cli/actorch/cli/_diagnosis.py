"""What `actorch doctor` looks at."""

from __future__ import annotations

import os
import platform
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Literal

import msgspec

from actorch.actors import ActorchError, AgentSpec, RetryPolicy
from actorch.actors._isolation import Machine
from actorch.actors._spec import ISOLATIONS
from actorch.supervisors import ActorSystem, collect_garbage
from actorch.supervisors._places import default_state_directory

from ._json import as_json

__all__ = ["Check", "diagnose", "document", "text"]

SELF_TEST = 30.0
"""Seconds for an agent that takes a fraction of one."""

_DESCRIPTORS_KEPT = 30
_LIMITS = (("memory_max", "memory"), ("cpu_quota", "cpu"), ("pids_max", "pids"))
_SYMBOLS = {"ok": "✔", "missing": "·", "wrong": "✘"}


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        topic: what it belongs to.
        name: what it is.
        status: "ok"; "missing", where one can do without; or "wrong".
        detail: what was found.
    """

    topic: str
    name: str
    status: Literal["ok", "missing", "wrong"]
    detail: str


def diagnose(state_dir: str | None) -> list[Check]:
    """Look at everything."""
    machine = Machine(os.environ)
    return [
        *_machine(),
        _self_test(),
        *_isolation(machine),
        *_limits(machine),
        *_state(state_dir),
    ]


def _machine() -> Iterator[Check]:
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    known = sys.platform in ("linux", "darwin")
    yield Check("machine", "system", "ok" if known else "wrong", system)
    files, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = "unlimited" if files == resource.RLIM_INFINITY else str(files)
    agents = max(0, files - _DESCRIPTORS_KEPT)
    enough = f"ulimit -n is {limit}: about {agents} agents at once"
    well = limit == "unlimited" or agents >= 10
    yield Check("machine", "descriptors", "ok" if well else "wrong", enough)


def _self_test() -> Check:
    """An agent that leaves a process in a session of its own, which must be gone then."""
    script = "setsid sleep 600 >/dev/null 2>&1 & exit 0"
    spec = AgentSpec("test", ["/bin/sh", "-c", script], retry=RetryPolicy(max_attempts=1))
    try:
        with tempfile.TemporaryDirectory(prefix="actorch-") as place, _quiet(place) as system:
            result = system.run([spec]).wait(SELF_TEST)
    except (ActorchError, OSError) as error:
        return Check("machine", "self-test", "wrong", f"an agent could not be run: {error}")
    agent, end = result["test"], result["test"].exit
    if not agent.ok or end is None:
        return Check("machine", "self-test", "wrong", str(agent.error))
    if agent.attempts[-1].survivors:
        left = ", ".join(agent.attempts[-1].survivors)
        return Check("machine", "self-test", "wrong", f"what an agent left survived: {left}")
    took = f"{agent.duration:.2f} s"
    return Check("machine", "self-test", "ok", f"an agent ran, and what it left is gone: {took}")


def _quiet(place: str) -> ActorSystem:
    return ActorSystem("doctor", state_dir=place)


def _isolation(machine: Machine) -> Iterator[Check]:
    for name in ISOLATIONS:
        if name == "auto":
            yield Check("isolation", name, "ok", f"is {machine.best}")
        elif reason := machine.why_not(name):
            yield Check("isolation", name, "missing", reason)
        else:
            yield Check("isolation", name, "ok", "available")


def _limits(machine: Machine) -> Iterator[Check]:
    for name, controller in _LIMITS:
        reason = machine.why_no_limit(controller)
        if machine.delegation is None:
            reason = "no cgroup, see above"
        if reason is None:
            yield Check("limits", name, "ok", "by cgroup")
        elif name == "memory_max":
            yield Check("limits", name, "ok", f"by a look twice a second, not by cgroup: {reason}")
        else:
            yield Check("limits", name, "missing", reason)


def _state(state_dir: str | None) -> Iterator[Check]:
    place = state_dir or default_state_directory(os.environ)
    existing = place
    while not os.path.exists(existing):
        existing = os.path.dirname(existing)
    writable = os.path.isdir(existing) and os.access(existing, os.W_OK | os.X_OK)
    free = ""
    with suppress(OSError):
        found = os.statvfs(existing)
        free = f", {found.f_bavail * found.f_frsize / (1 << 30):.1f} GiB free"
    problem = "" if writable else f": {existing} cannot be written to"
    yield Check("state", "directory", "ok" if writable else "wrong", f"{place}{problem}{free}")
    try:
        garbage = collect_garbage(state_dir, older_than=None, dry_run=True)
    except ActorchError as error:
        yield Check("state", "history", "wrong", str(error))
        return
    left = len(garbage.leftovers)
    detail = f"{left} processes of crashed runs; actorch gc -y ends them" if left else "none"
    yield Check("state", "leftovers", "wrong" if left else "ok", detail)


def document(checks: list[Check]) -> str:
    """JSON."""
    values = [msgspec.structs.asdict(check) for check in checks]
    wrong = any(check.status == "wrong" for check in checks)
    return as_json({"ok": not wrong, "checks": values}, pretty=True) + "\n"


def text(checks: list[Check]) -> str:
    """A line for each check, under its topic."""
    lines: list[str] = []
    width = max(len(check.name) for check in checks)
    for before, check in zip([None, *checks], checks, strict=False):
        if before is None or before.topic != check.topic:
            lines.append(f"{check.topic}\n")
        mark = _SYMBOLS[check.status]
        lines.append(f"  {mark} {check.name:<{width}}  {check.detail}\n")
    return "".join(lines)
