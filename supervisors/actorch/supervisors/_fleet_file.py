"""Reading a fleet from a TOML file, checked whole, each error with file, key and value."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from actorch.actors import AgentSpec, Backoff, RetryPolicy, SpecError, StopPlan, UsageError
from actorch.actors._checks import check_bool, check_keys, check_string, is_list, is_table
from actorch.actors._durations import DURATION, parse_duration
from actorch.actors._shown import Elided, one_line, unless_container
from actorch.actors._sizes import SIZE, parse_size

from ._fleet import RunSpec

__all__ = ["load_fleet"]

Table = dict[str, object]

_RUN_KEYS: Final = tuple(key for key in RunSpec.__struct_fields__ if key != "agents")
_AGENT_KEYS: Final = AgentSpec.__struct_fields__
_DEFAULTS_KEYS: Final = tuple(key for key in _AGENT_KEYS if key != "name")
_PATHS: Final = ("cwd", "env_file", "stdin_file")
_LIMITS: Final = ("timeout", "idle_timeout")


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
    shown = one_line(path, 300)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise UsageError(f"{shown}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # NUL or a lone surrogate in the path
        raise UsageError(f"{shown}: cannot be read: {one_line(str(error), 200)}") from None
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown}: not TOML: not UTF-8 at byte {error.start}") from None
    except ValueError as error:  # of the syntax, or of an integer with thousands of digits
        raise UsageError(f"{shown}: not TOML: {one_line(str(error), 200)}") from None
    except RecursionError:
        raise UsageError(f"{shown}: nested too deeply") from None


def _fleet(whole: Table, place: str) -> RunSpec:
    check_keys("", whole, ("run", "defaults", "agent"))
    run = _table("run", whole.get("run", {}))
    check_keys("run", run, _RUN_KEYS)
    defaults = _defaults(whole.get("defaults", {}), place)
    agents = _agents(whole.get("agent", []), defaults, place)
    options: dict[str, Any] = dict(run)
    try:
        _replace(options, "deadline", _optional_duration)
        return RunSpec(agents, **options)
    except SpecError as error:
        raise error.within("run.") from None


def _defaults(value: object, place: str) -> Table:
    """The defaults, checked by themselves, so that an error in them is told as theirs."""
    defaults = _table("defaults", value)
    check_keys("defaults", defaults, _DEFAULTS_KEYS)
    check_bool("defaults.shell", defaults.get("shell", False))
    trial: Table = {"name": "any", "command": ["any"], **defaults}
    trial["shell"] = isinstance(trial["command"], str)
    _spec("defaults", trial, place)
    return defaults


def _agents(value: object, defaults: Table, place: str) -> list[AgentSpec]:
    entries = is_list(value)
    if not entries:
        allowed = "one [[agent]] table or more, with two pairs of brackets"
        raise SpecError("agent", unless_container(value) if value else Elided("none"), allowed)
    agents: dict[str, AgentSpec] = {}
    for number, entry in enumerate(entries, 1):
        agent = _agent(number, entry, defaults, place)
        if agent.name in agents:
            allowed = "unique: another agent has this name, too"
            raise SpecError(f"agent[{number}].name", agent.name, allowed)
        agents[agent.name] = agent
    return list(agents.values())


def _agent(number: int, entry: object, defaults: Table, place: str) -> AgentSpec:
    own = _table(f"agent[{number}]", entry)
    name = own.get("name")
    named = isinstance(name, str) and name.isprintable() and 1 <= len(name) <= 100
    where = f"agent.{name}" if named else f"agent[{number}]"
    check_keys(where, own, _AGENT_KEYS)
    return _spec(where, _merged(defaults, own), place)


def _spec(where: str, fields: dict[str, Any], place: str) -> AgentSpec:
    for key in ("name", "command"):
        if key not in fields:
            raise SpecError(f"{where}.{key}", Elided("missing"), "given: every agent has its own")
    fields = dict(fields)
    try:
        for key in _PATHS:
            _replace(fields, key, lambda key, value: _path(key, value, place))
        for key in _LIMITS:
            _replace(fields, key, _optional_duration)
        _replace(fields, "memory_max", partial(_optional_size, least=1 << 20))
        _replace(fields, "output_max", _optional_size)
        for key in ("cpu_quota", "pids_max"):
            _replace(fields, key, lambda _key, value: None if value == "none" else value)
        _replace(fields, "stop", lambda key, value: StopPlan.parse(value, key))
        _replace(fields, "retry", _retry)
        return AgentSpec(**fields)
    except SpecError as error:
        raise error.within(f"{where}.") from None


def _merged(defaults: Table, own: Table) -> Table:
    """The agent's own keys over the defaults; the tables within are merged key by key."""
    merged = {**defaults, **own}
    for key, other in (("stdin", "stdin_file"), ("stdin_file", "stdin")):
        if key in own and other not in own:
            merged.pop(other, None)
    for key in {"env", "retry"} & defaults.keys() & own.keys():
        merged[key] = _over(defaults[key], own[key], "backoff")
    return merged


def _over(below: object, above: object, within: str | None = None) -> object:
    """Two tables merged, and so is the table `within` them; what is no table is left as it is."""
    first, second = is_table(below), is_table(above)
    if first is None or second is None:
        return above
    merged = {**first, **second}
    if within in first and within in second:
        merged[within] = _over(first[within], second[within])
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
    if value == "none":
        return None
    return parse_duration(key, value, what=f'{DURATION}, or "none"')


def _optional_size(key: str, value: object, least: int = 1) -> int | None:
    if value == "none":
        return None
    return parse_size(key, value, what=f'{SIZE}, or "none"', least=least)


def _replace(fields: dict[str, Any], key: str, read: Callable[[str, object], object]) -> None:
    if key in fields:
        fields[key] = read(key, fields[key])


def _path(key: str, value: object, place: str) -> str:
    if not check_string(key, value):
        raise SpecError(key, value, "a path, not empty")
    return os.path.normpath(os.path.join(place, os.path.expanduser(str(value))))


def _table(key: str, value: object) -> Table:
    table = is_table(value)
    if table is None:
        raise SpecError(key, unless_container(value), f"a table: [{key}]")
    return table
