"""Who may import what: cli → supervisors → actors, and each substrate in its one place."""

import ast
import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOTS = ("actors", "supervisors", "cli")
MAY_USE = {
    "actors": {"actors"},
    "supervisors": {"actors", "supervisors"},
    "cli": {"actors", "supervisors", "cli"},
}
ONE_PLACE = {
    "blinker": ("actors/_events.py",),
    "click": ("cli/",),
    "rich": ("cli/",),
    "sqlite3": (
        "actors/_database.py",
        "actors/_journal.py",
        "actors/_ledger.py",
        "supervisors/_garbage.py",
        "supervisors/_history.py",
    ),
    "sqlite_utils": ("actors/_database.py",),
    "time": ("actors/_clock.py", "actors/_keeper/"),
}
"""Where a package may be imported. The keeper imports nothing of actorch, not even its clock."""


class Import(NamedTuple):
    """`module` as it would be written in full, at a line of a file such as ``actors/_spec.py``."""

    file: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def package_of(file: str) -> str:
    return "actorch." + os.path.dirname(file).replace("/", ".")


def imports_in(file: str, source: str) -> Iterator[Import]:
    """Every import of a file, relative ones resolved, also those inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package_of(file).split(".")
                kept = parents[: len(parents) - node.level + 1]
                base = ".".join([*kept, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(file, node.lineno, f"{base}.{alias.name}")


def source_files() -> Iterator[tuple[str, str]]:
    """Each source file as (``actors/_spec.py``, its text)."""
    for root in ROOTS:
        package = os.path.join(ROOT, root, "actorch", root)
        for directory, _directories, names in os.walk(package):
            for name in sorted(names):
                if name.endswith(".py"):
                    path = os.path.join(directory, name)
                    with open(path, encoding="utf-8") as file:
                        yield f"{root}/{os.path.relpath(path, package)}", file.read()


def against_the_arrows(found: Import) -> bool:
    """Whether it points backwards, or into actorch from outside its three roots."""
    parts = found.module.split(".")
    root = found.file.split("/")[0]
    return parts[0] == "actorch" and (len(parts) < 2 or parts[1] not in MAY_USE[root])


def out_of_place(found: Import) -> bool:
    """Whether a package is imported outside the one place it has."""
    places = ONE_PLACE.get(found.module.split(".")[0])
    return places is not None and not found.file.startswith(places)


def offences(file: str, source: str) -> list[str]:
    return [
        str(found)
        for found in imports_in(file, source)
        if against_the_arrows(found) or out_of_place(found)
    ]


def test_every_import_follows_the_arrows_and_every_substrate_has_one_place() -> None:
    files = dict(source_files())
    assert {file.split("/")[0] for file in files} >= {"actors"}
    assert [line for file, source in files.items() for line in offences(file, source)] == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("actors/_spec.py", "from actorch.supervisors import ActorSystem"),
        ("actors/_spec.py", "import actorch.cli"),
        ("actors/_spec.py", "from actorch import supervisors"),
        ("actors/_spec.py", "from ..supervisors import Run"),
        ("actors/_spec.py", "def late():\n    from actorch.cli import main"),
        ("supervisors/_run.py", "import actorch.cli._app as app"),
        ("supervisors/_run.py", "from ..cli import main"),
        ("supervisors/_run.py", "import click"),
        ("supervisors/_run.py", "from rich.table import Table"),
        ("actors/_agent.py", "import time"),
        ("actors/_agent.py", "from time import monotonic"),
        ("actors/_agent.py", "import blinker"),
        ("actors/_registry.py", "from sqlite_utils import Database"),
        ("cli/_run.py", "import sqlite_utils"),
        ("cli/_run.py", "import os, time"),
    ],
)
def test_a_wrong_import_is_found(file: str, source: str) -> None:
    assert len(offences(file, source)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("actors/_agent.py", "from ._clock import Clock"),
        ("actors/_agent.py", "from . import _clock"),
        ("actors/_agent.py", "import datetime, os"),
        ("actors/_clock.py", "import time"),
        ("supervisors/_run.py", "from actorch.actors import AgentSpec"),
        ("cli/_run.py", "import click"),
        ("cli/_run.py", "from actorch.supervisors import ActorSystem"),
    ],
)
def test_a_right_import_is_let_through(file: str, source: str) -> None:
    assert offences(file, source) == []


def test_the_keeper_imports_the_standard_library_only() -> None:
    files = {file: text for file, text in source_files() if file.startswith("actors/_keeper/")}
    found = [one.module for file, text in files.items() for one in imports_in(file, text)]
    others = [name for name in found if not name.startswith("actorch.actors._keeper")]
    assert {name.split(".")[0] for name in others} - sys.stdlib_module_names == set()
    assert len(files) > 1
