"""What agents find in their environment, and files that add to it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import Final

from ._checks import ARGUMENT_BYTES, is_table, string_problem
from ._errors import SpecError
from ._shown import one_line, unshown

__all__ = ["agent_environment", "check_environment", "read_env_file"]

_LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.ASCII)
_NAME: Final = "a variable's name: not empty, without '=', NUL and lone surrogates"


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
        SpecError: names the variable; never shows its value, which may be a secret.
    """
    table = is_table(value)
    if table is None:
        raise SpecError(key, unshown(value), "a table of strings")
    return {name: _variable(key, name, text) for name, text in table.items()}


def read_env_file(key: str, path: str) -> dict[str, str]:
    r"""The variables of a file of ``NAME=value`` lines.

    Blank lines and those that begin with ``#`` are skipped, ``export`` is allowed in front, spaces
    around name and value do not count, and one pair of quotes around a value is taken off. Nothing
    is expanded. Of two lines with the same name, the later one wins.

    Raises:
        SpecError: the file cannot be read, or a line is something else; names the line, and never
            shows it.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(_lines(key, path), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        where = f"{key}, line {number} of {one_line(path, 100)}"
        match = _LINE.fullmatch(text)
        if match is None:
            raise SpecError(where, unshown(line), "NAME=value")
        found[match[1]] = _variable(where, match[1], _unquoted(match[2]))
    return found


def _lines(key: str, path: str) -> list[str]:
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise SpecError(key, path, "a regular file")
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            return file.read().split("\n")
    except OSError as error:
        raise SpecError(key, path, f"a readable file: {error.strerror}") from None


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _variable(key: str, name: str, value: object) -> str:
    if "=" in name:  # what follows may be a secret, too
        raise SpecError(f"{key}.{name.partition('=')[0]}", unshown(name), _NAME)
    if not name or string_problem(name):
        raise SpecError(key, name, _NAME)
    problem = string_problem(value, 'a string such as "1"')
    if problem is None and len(os.fsencode(f"{name}={value}")) > ARGUMENT_BYTES:
        problem = f"at most {ARGUMENT_BYTES} bytes with its name"
    if problem:
        raise SpecError(f"{key}.{name}", unshown(value), problem)
    return str(value)
