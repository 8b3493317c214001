"""What agents find in their environment, and files that add to it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import Final

from ._checks import ARGUMENT_BYTES, check_string, check_text, is_table
from ._errors import SpecError

__all__ = ["agent_environment", "check_environment", "read_env_file"]

_LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.ASCII)
_NAME: Final = "a variable's name: not empty, without '=' and NUL"


def agent_environment(base: Mapping[str, str]) -> dict[str, str]:
    """A copy of `base` in which programs installed beside this Python are found, last of all.

    So a fleet finds the tools of the virtual environment that actorch runs from, activated or not,
    and whatever the user's PATH has first still wins.
    """
    environment = dict(base)
    path = environment.get("PATH", os.defpath)
    beside = os.path.dirname(sys.executable)
    if beside and beside not in path.split(os.pathsep):
        environment["PATH"] = f"{path}{os.pathsep}{beside}" if path else beside
    return environment


def check_environment(key: str, value: object) -> dict[str, str]:
    """A copy of `value`, if it is a table of strings that a program can be given.

    Raises:
        SpecError: names the variable.
    """
    table = is_table(value)
    if table is None:
        raise SpecError(key, value, "a table of strings")
    return {name: _variable(f"{key}.{name}", name, text) for name, text in table.items()}


def read_env_file(key: str, path: str) -> dict[str, str]:
    r"""The variables of a file of ``NAME=value`` lines.

    Blank lines and those that begin with ``#`` are skipped, ``export`` is allowed in front, and one
    pair of quotes around a value is taken off. Nothing is expanded.

    Raises:
        SpecError: the file cannot be read, or a line is something else; names the line.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
    except OSError as error:
        raise SpecError(key, path, f"a readable file: {error.strerror}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise SpecError(f"{key} ({path}, line {number})", line, "NAME=value")
        found[match[1]] = _unquoted(match[2])
        _variable(f"{key} ({path}, line {number})", match[1], found[match[1]])
    return found


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _variable(key: str, name: str, value: object) -> str:
    if not name or "=" in name or "\0" in name:
        raise SpecError(key, name, _NAME)
    text = check_string(key, value)
    if check_text(key, name) + 1 + check_text(key, text) > ARGUMENT_BYTES:
        raise SpecError(key, text, f"at most {ARGUMENT_BYTES:_} bytes with its name")
    return text
