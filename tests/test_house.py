"""The house itself: where things stand, how large they may grow, what an import may change."""

import ast
import importlib.metadata
import importlib.util
import os
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOTS = ("actors", "supervisors", "cli")
PACKAGES = tuple(f"actorch.{root}" for root in ROOTS)
MOST_LINES = 300


def python_files(*folders: str) -> Iterator[str]:
    for folder in folders:
        for directory, _directories, names in os.walk(os.path.join(ROOT, folder)):
            yield from (os.path.join(directory, name) for name in names if name.endswith(".py"))


def text_of(path: str) -> str:
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("root", ROOTS)
def test_the_namespace_has_no_init_file_that_would_hide_the_other_roots(root: str) -> None:
    assert os.listdir(os.path.join(ROOT, root)) == ["actorch"]
    assert [name for name in os.listdir(os.path.join(ROOT, root, "actorch")) if name[0] != "_"] == [
        root
    ]
    assert not os.path.exists(os.path.join(ROOT, root, "actorch", "__init__.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_tells_type_checkers_that_it_is_typed(package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert os.path.exists(os.path.join(os.path.dirname(spec.origin), "py.typed"))


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {path: text_of(path).count("\n") for path in python_files(*ROOTS)}
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}


def test_functions_are_small() -> None:
    lengths: list[int] = []
    for path in python_files(*ROOTS):
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                lengths.append(node.end_lineno - node.lineno + 1)
    assert statistics.median(lengths) <= 8
    assert statistics.quantiles(lengths, n=10)[-1] <= 30


def test_no_test_sleeps() -> None:
    asleep = [
        path for path in python_files("tests") if re.search(r"\btime\.sleep\(", text_of(path))
    ]
    assert asleep == [__file__] or asleep == []


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert f"## [{project['version']}]" in text_of("CHANGELOG.md")
    try:
        installed = importlib.metadata.version(project["name"])
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("a bare clone: the distribution is not installed")
    assert installed == project["version"]


CENSUS = """
import atexit, logging, os, signal, sys, threading, warnings

registered = []
atexit.register = lambda function, *rest, **named: registered.append(function) or function

def census():
    root = logging.getLogger()
    return {
        "signals": {number: repr(signal.getsignal(number)) for number in signal.valid_signals()},
        "mask": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "logging": (root.level, list(root.handlers), root.disabled, logging.raiseExceptions),
        "cwd": os.getcwd(),
        "umask": (lambda old: (os.umask(old), old)[1])(os.umask(0o77)),
        "environment": dict(os.environ),
        "threads": [thread.name for thread in threading.enumerate()],
        "descriptors": sorted(os.listdir("/dev/fd")),
        "excepthook": (sys.excepthook, threading.excepthook, sys.unraisablehook),
        "path": list(sys.path),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "warnings": list(warnings.filters),
    }

before = census()
import {module}
after = census()
changed = {{name: (before[name], after[name]) for name in before if before[name] != after[name]}}
assert not changed, changed
ours = [repr(function) for function in registered if "actorch" in (function.__module__ or "")]
assert not ours, ours
loggers = [name for name in logging.root.manager.loggerDict if name.startswith("actorch")]
for name in loggers:
    assert logging.getLogger(name).level == logging.NOTSET, name
    assert all(isinstance(h, logging.NullHandler) for h in logging.getLogger(name).handlers), name
"""


@pytest.mark.parametrize("module", [*PACKAGES, "actorch.actors.testing"])
def test_an_import_changes_nothing_global(module: str) -> None:
    code = CENSUS.replace("{module}", module).replace("{{", "{").replace("}}", "}")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_library_does_not_import_what_only_the_command_needs() -> None:
    code = (
        "import sys, actorch.supervisors\n"
        "print(sorted({'click', 'rich', 'pytest', 'asyncio.events'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "click" not in done.stdout
    assert "rich" not in done.stdout


@pytest.mark.parametrize(
    "pattern",
    [r"/(work|farm|root|home)/[a-z]", r"\.\./shared"],
)
def test_no_tracked_file_speaks_of_one_machine_or_person(pattern: str) -> None:
    found = [
        f"{path}: {line.strip()}"
        for path in tracked_files()
        for line in text_of(path).splitlines()
        if re.search(pattern, line) and os.path.join(ROOT, path) != __file__
    ]
    assert found == []


def tracked_files() -> list[str]:
    done = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    names = [name for name in done.stdout.split("\0") if name]
    return [name for name in names if name.endswith((".py", ".md", ".toml", ".txt", "run"))]
