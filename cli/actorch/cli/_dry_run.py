"""`--dry-run`: what would be run, every command resolved; nothing is started."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping

from actorch.actors import AgentSpec
from actorch.actors._sizes import size_text
from actorch.supervisors import RunSpec

from ._columns import columns, padded
from ._json import as_json
from ._words import duration

__all__ = ["plan_document", "plan_text", "resolved"]


def resolved(agent: AgentSpec, base: Mapping[str, str]) -> str | None:
    """The file that would be executed, as the agent's own PATH and directory have it."""
    environment, cwd = agent.environment(base), agent.cwd or os.getcwd()
    name = agent.argv[0]
    if os.sep in name:
        path = os.path.join(cwd, name)
        return os.path.normpath(path) if shutil.which(path) else None
    places = environment.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(name, path=os.pathsep.join(os.path.join(cwd, place) for place in places))


def plan_document(spec: RunSpec, base: Mapping[str, str]) -> str:
    """The plan as JSON."""
    agents: list[dict[str, object]] = [
        {
            "name": agent.name,
            "program": resolved(agent, base),
            "command": list(agent.argv),
            "cwd": agent.cwd or os.getcwd(),
            "timeout": agent.timeout,
            "idle_timeout": agent.idle_timeout,
            "stdio": agent.stdio,
            "output_max": agent.output_max,
            "max_attempts": agent.retry.max_attempts,
            "stop": str(agent.stop),
        }
        for agent in spec.agents
    ]
    document: dict[str, object] = {
        "name": spec.name,
        "quorum": {
            "text": str(spec.quorum),
            "required": spec.required,
            "total": len(spec.agents),
        },
        "max_concurrent": spec.max_concurrent,
        "deadline": spec.deadline,
        "agents": agents,
    }
    return as_json(document, pretty=True) + "\n"


def plan_text(spec: RunSpec, base: Mapping[str, str]) -> str:
    """The plan for people."""
    total, at_once = len(spec.agents), min(spec.max_concurrent, len(spec.agents))
    limit = "" if spec.deadline is None else f", within {duration(spec.deadline)}"
    what = "agent" if total == 1 else "agents"
    lines = [f"{total} {what}, {at_once} at once, {spec.required} must succeed{limit}"]
    width = max(columns(agent.name) for agent in spec.agents)
    for agent in spec.agents:
        program = resolved(agent, base)
        words = shlex.join([program, *agent.argv[1:]]) if program else _missing(agent)
        lines.append(f"{padded(agent.name, width)}  {words}")
        lines.append(f"{'':<{width}}    {_terms(agent)}")
    return "\n".join(lines) + "\n"


def _missing(agent: AgentSpec) -> str:
    return f"NOT FOUND: {agent.argv[0]}"


def _terms(agent: AgentSpec) -> str:
    parts = [f"in {agent.cwd or os.getcwd()}"]
    parts.append("no timeout" if agent.timeout is None else f"timeout {duration(agent.timeout)}")
    if agent.idle_timeout is not None:
        parts.append(f"idle timeout {duration(agent.idle_timeout)}")
    if agent.stdio != "file":
        parts.append("on a terminal" if agent.stdio == "pty" else "on pipes")
    if agent.output_max is not None:
        parts.append(f"output {size_text(agent.output_max)}")
    tries = agent.retry.max_attempts
    parts.append(f"{tries} attempts at most" if tries > 1 else "1 attempt")
    return ", ".join(parts)
