"""Reading a fleet from a TOML file, checked whole, each error with file, key and value."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from typing import Any, Final

from actorch.actors import AgentSpec, Backoff, RetryPolicy, SpecError, StopPlan, UsageError
from actorch.actors._checks import check_keys, is_list, is_table
from actorch.actors._durations import parse_duration

from ._fleet import RunSpec

__all__ = ["load_fleet"]

Table = dict[str, object]

_RUN_KEYS: Final = tuple(key for key in RunSpec.__struct_fields__ if key != "agents")
_AGENT_KEYS: Final = AgentSpec.__struct_fields__
_PATHS: Final = ("cwd", "env_file", "stdin_file")


def load_fleet(path: str) -> RunSpec:
    """Read a fleet file. What is relative in it is relative to the directory it stands in.

    Raises:
        SpecError: a key or a value is wrong; names file, key, value and what is allowed.
        UsageError: the file cannot be read, or is no TOML.
    """
    whole = _read(path)
    place = os.path.dirname(os.path.abspath(path))
    try:
        return _fleet(whole, place)
    except SpecError as error:
        raise error.within(source=path) from None


def _read(path: str) -> Table:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not TOML: not UTF-8 at byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML: {error}") from None


def _fleet(whole: Table, place: str) -> RunSpec:
    check_keys("", whole, ("run", "defaults", "agent"))
    run = _table("run", whole.get("run", {}))
    check_keys("run", run, _RUN_KEYS)
    defaults = _table("defaults", whole.get("defaults", {}))
    check_keys("defaults", defaults, [key for key in _AGENT_KEYS if key != "name"])
    entries = is_list(whole.get("agent", []))
    if not entries:
        raise SpecError("agent", whole.get("agent", []), "one [[agent]] table or more")
    agents: list[AgentSpec] = []
    for number, entry in enumerate(entries, 1):
        agents.append(_agent(number, entry, defaults, place))
        _check_unique(agents, number)
    options: dict[str, Any] = dict(run)
    try:
        _replace(options, "deadline", _optional_duration)
        return RunSpec(agents, **options)
    except SpecError as error:
        raise error.within("run.") from None


def _agent(number: int, entry: object, defaults: Table, place: str) -> AgentSpec:
    own = _table(f"agent[{number}]", entry)
    name = own.get("name")
    where = f"agent.{name}" if isinstance(name, str) and name.isprintable() else f"agent[{number}]"
    check_keys(where, own, _AGENT_KEYS)
    fields: dict[str, Any] = _merged(defaults, own)
    for key in ("name", "command"):
        if key not in fields:
            raise SpecError(f"{where}.{key}", None, "given")
    try:
        for key in _PATHS:
            _replace(fields, key, lambda _key, value: _from(place, value))
        for key in ("timeout", "idle_timeout"):
            _replace(fields, key, _optional_duration)
        _replace(fields, "stop", lambda key, value: StopPlan.parse(value, key))
        _replace(fields, "retry", _retry)
        return AgentSpec(**fields)
    except SpecError as error:
        raise error.within(f"{where}.") from None


def _merged(defaults: Table, own: Table) -> Table:
    """The agent's own keys over the defaults; tables within are merged key by key."""
    merged = {**defaults, **own}
    if "stdin" in own:
        merged.pop("stdin_file", None) if "stdin_file" not in own else None
    elif "stdin_file" in own:
        merged.pop("stdin", None)
    for key in ("env", "retry"):
        first, second = is_table(defaults.get(key)), is_table(own.get(key))
        if first is not None and second is not None:
            merged[key] = {**first, **second}
    return merged


def _retry(key: str, value: object) -> RetryPolicy:
    fields: dict[str, Any] = _table(key, value)
    check_keys(key, fields, RetryPolicy.__struct_fields__)
    _replace(fields, "backoff", lambda _key, inner: _backoff(f"{key}.backoff", inner))
    return RetryPolicy(**fields)


def _backoff(key: str, value: object) -> Backoff:
    fields: dict[str, Any] = _table(key, value)
    check_keys(key, fields, Backoff.__struct_fields__)
    for name in ("initial", "cap"):
        if name in fields:
            fields[name] = parse_duration(f"{key}.{name}", fields[name], zero=True)
    return Backoff(**fields)


def _optional_duration(key: str, value: object) -> float | None:
    return None if value == "none" else parse_duration(key, value)


def _replace(fields: dict[str, Any], key: str, read: Callable[[str, object], object]) -> None:
    if key in fields:
        fields[key] = read(key, fields[key])


def _from(place: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    return os.path.normpath(os.path.join(place, os.path.expanduser(value)))


def _table(key: str, value: object) -> Table:
    table = is_table(value)
    if table is None:
        raise SpecError(key, value, f"a table: [{key}]")
    return table


def _check_unique(agents: list[AgentSpec], number: int) -> None:
    name = agents[-1].name
    if any(agent.name == name for agent in agents[:-1]):
        raise SpecError(f"agent[{number}].name", name, "unique: another agent has this name, too")
