"""From the options to a checked run. Pure but for reading the fleet file."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from actorch.actors import AgentSpec, RetryPolicy, SpecError, UsageError
from actorch.actors._durations import DURATION, parse_duration
from actorch.actors._environment import check_environment
from actorch.actors._shown import one_line, unshown
from actorch.supervisors import Quorum, RunSpec, load_fleet

from ._options import Options

__all__ = ["Plan", "make_plan"]

T = TypeVar("T")

_HOW: Final = "give a fleet file, or -- COMMAND, or -a NAME='COMMAND'; see actorch run --help"
_RUN_TEXTS: Final = ("name", "spec_id", "stage", "on_impossible", "fail_fast")


class Plan(msgspec.Struct, frozen=True):
    """What will be run.

    Attributes:
        spec: the run, checked.
        lone: whether it is one command whose output and exit code pass through.
    """

    spec: RunSpec
    lone: bool = False


def make_plan(options: Options) -> Plan:
    """Read, combine and check everything that was said.

    Raises:
        UsageError: something is wrong; one line says what, and what to do.
    """
    _check_source(options)
    file = options.files[0] if options.files else None
    spec = load_fleet(file) if file is not None else _inline_run(options)
    changes = _agent_changes(options)
    agents = [_changed_agent(agent, changes, options) for agent in spec.agents]
    spec = msgspec.structs.replace(spec, agents=agents)
    return Plan(_changed_run(spec, options), lone=options.command is not None)


def _check_source(options: Options) -> None:
    found = [
        word
        for word, given in (
            (f"the file {one_line(options.files[0], 100)!r}" if options.files else "", True),
            ("a command after --", options.command is not None),
            ("agents by -a", bool(options.agent)),
        )
        if word and given
    ]
    if len(found) > 1:
        raise UsageError(f"{' and '.join(found)} are given, but only one can be run; {_HOW}")
    if not found:
        raise UsageError(f"nothing to run: {_HOW}")
    if len(options.files) > 1:
        names = ", ".join(repr(one_line(name, 60)) for name in options.files[:5])
        raise UsageError(f"one file at a time, not {names}; a command goes after --")
    if options.files and options.cwd is not None:
        raise SpecError(options.key("cwd"), options.cwd, "left out with a file, which has its cwd")
    if options.json and options.events:
        raise UsageError("--json and --events exclude each other; leave one of them out")
    _check_output(options)


def _check_output(options: Options) -> None:
    """A variable gives way to what it does not go with; the option itself is an error there."""
    if options.output is None or "output" in options.keys:
        return
    output = f"--output {options.output}"
    if options.events:
        raise UsageError(f"{output} and --events exclude each other; leave one of them out")
    if options.quiet and options.output != "none":
        raise UsageError(f"{output} and --quiet exclude each other; leave one of them out")
    if options.command is not None and not options.json:
        raise UsageError(f"{output} is for fleets; what a lone command prints passes through")


def _inline_run(options: Options) -> RunSpec:
    agents = _inline_agents(options)
    return _named(lambda: RunSpec(agents), {"name": f"{options.key('agent')}, the name"})


def _inline_agents(options: Options) -> list[AgentSpec]:
    cwd = None if options.cwd is None else os.path.abspath(os.path.expanduser(options.cwd))
    if options.command is None:
        return [_inline_agent(options, text, cwd) for text in options.agent]
    if not options.command:
        raise UsageError("nothing stands after --; give a command, such as: actorch run -- true")
    name = os.path.basename(options.command[0].rstrip("/")) or "command"
    shown = "".join(c if c.isprintable() else "?" for c in name)[:60].strip() or "command"
    return [_named(lambda: _agent(shown, options.command, cwd), {"cwd": options.key("cwd")}, "--")]


def _inline_agent(options: Options, text: str, cwd: str | None) -> AgentSpec:
    key = options.key("agent")
    name, equals, command = text.partition("=")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SpecError(f"{key} {name}", command, f"a command: {str(error).lower()}") from None
    if not equals or not words:
        raise SpecError(key, text, "NAME=COMMAND, such as lint='ruff check .'")
    keys = {"name": f"{key}, the name", "cwd": options.key("cwd")}
    return _named(lambda: _agent(name, tuple(words), cwd), keys, f"{key} {name}, ")


def _agent(name: str, command: tuple[str, ...] | None, cwd: str | None) -> AgentSpec:
    return AgentSpec(name, command or (), cwd=cwd)


def _agent_changes(options: Options) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for option in ("timeout", "idle_timeout"):
        if (text := getattr(options, option)) is not None:
            changes[option] = _duration(options.key(option), text)
    changes |= _confinement(options)
    if options.stdin_file is not None:
        changes["stdin"] = None
        changes["stdin_file"] = os.path.abspath(os.path.expanduser(options.stdin_file))
    return changes


def _confinement(options: Options) -> dict[str, Any]:
    found: dict[str, Any] = {
        option: value
        for option in ("isolation", "stdio", "merge", "on_output_max")
        if (value := getattr(options, option)) is not None
    }
    for option in ("memory_max", "cpu_quota", "pids_max", "output_max"):
        if (text := getattr(options, option)) is not None:
            number = int(text) if option == "pids_max" and text.strip().isdecimal() else text
            found[option] = None if text.strip() == "none" else number
    return found


def _changed_agent(agent: AgentSpec, changes: dict[str, Any], options: Options) -> AgentSpec:
    changes = dict(changes)
    if options.env:
        changes["env"] = {**agent.env, **_environment(options)}
    changes["retry"] = _changed_retry(agent.retry, options)
    named = ("stdin_file", "isolation", "memory_max", "cpu_quota", "pids_max", "output_max")
    keys = {option: options.key(option) for option in named}
    return _named(lambda: msgspec.structs.replace(agent, **changes), keys)


def _changed_retry(retry: RetryPolicy, options: Options) -> RetryPolicy:
    changes: dict[str, Any] = {}
    if options.retries is not None:
        changes["max_attempts"] = 1 + _number(options.key("retries"), options.retries, 0, 999_999)
    if options.retry_on:
        words = [word.strip() for text in options.retry_on for word in text.split(",")]
        changes["retry_on"] = [int(word) if word.isdecimal() else word for word in words]
    keys = {"retry.retry_on": options.key("retry_on")}
    return _named(lambda: msgspec.structs.replace(retry, **changes), keys)


def _environment(options: Options) -> dict[str, str]:
    key = options.key("env")
    variables: dict[str, str] = {}
    for text in options.env:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise SpecError(key, unshown(text), "NAME=VALUE")
        variables[name] = value
    return check_environment(key, variables)


def _changed_run(spec: RunSpec, options: Options) -> RunSpec:
    changes: dict[str, Any] = {
        option: value for option in _RUN_TEXTS if (value := getattr(options, option)) is not None
    }
    if options.max_concurrent is not None:
        key = options.key("max_concurrent")
        changes["max_concurrent"] = _number(key, options.max_concurrent, 1, 1_000_000)
    if options.deadline is not None:
        changes["deadline"] = _duration(options.key("deadline"), options.deadline)
    keys = {option: options.key(option) for option in (*_RUN_TEXTS, "quorum")}
    if options.quorum is not None:
        changes["quorum"] = _named(lambda: Quorum.of(options.quorum), keys)
    return _named(lambda: msgspec.structs.replace(spec, **changes), keys)


def _duration(key: str, text: str) -> float | None:
    if text.strip() == "none":
        return None
    return parse_duration(key, text, what=f"{DURATION}, or none")


def _number(key: str, text: str, lowest: int, highest: int) -> int:
    word = text.strip()
    fits = word.isascii() and word.isdecimal() and len(word) < 10
    if not fits or not lowest <= int(word) <= highest:
        raise SpecError(key, text, f"a whole number from {lowest} to {highest}")
    return int(word)


def _named(make: Callable[[], T], keys: dict[str, str], prefix: str = "") -> T:
    """What `make` makes; an error of it speaks of the option instead of the field."""
    try:
        return make()
    except SpecError as error:
        key = keys.get(error.key) or (f"{prefix}{error.key}" if prefix else error.key)
        raise SpecError(key, error.value, error.allowed, error.source) from None
