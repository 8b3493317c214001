"""The public surface: `__all__` is sorted, whole, documented, and says what it is when printed."""

import ast
import dataclasses
import importlib
import inspect
import os
import subprocess
import sys
import types

import msgspec
import pytest

PACKAGES = ["actorch.actors", "actorch.actors.testing", "actorch.supervisors", "actorch.cli"]


def load(package: str) -> types.ModuleType:
    return importlib.import_module(package)


def public_names(module: types.ModuleType) -> list[str]:
    names: list[str] = module.__all__
    return names


def own_methods(cls: type) -> list[tuple[str, object]]:
    return [
        (name, member)
        for name, member in vars(cls).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_sorted_and_names_nothing_twice(package: str) -> None:
    names = public_names(load(package))
    assert names == sorted(set(names), key=lambda name: (not name.isupper(), name))  # as ruff does


@pytest.mark.parametrize("package", PACKAGES)
def test_all_names_exactly_what_is_offered(package: str) -> None:
    module = load(package)
    offered = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and name != "annotations"
    }
    exported = set(public_names(module))
    assert {name for name in exported if not hasattr(module, name)} == set()
    assert exported <= set(dir(module))
    if module.__file__ is not None and os.path.basename(module.__file__) == "__init__.py":
        assert offered == exported


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_and_method_is_documented(package: str) -> None:
    module = load(package)
    silent: list[str] = []
    for name in public_names(module):
        value = getattr(module, name)
        if not isinstance(value, type | types.FunctionType):
            continue
        if not (value.__doc__ or "").strip():
            silent.append(name)
        if isinstance(value, type):
            silent += [
                f"{name}.{method}"
                for method, member in own_methods(value)
                if not inspect.getdoc(member)
            ]
    assert silent == []


@pytest.mark.parametrize("package", PACKAGES)
def test_public_values_are_frozen_and_print_their_fields_or_a_status_line(package: str) -> None:
    module = load(package)
    for name in public_names(module):
        value = getattr(module, name)
        if not isinstance(value, type):
            continue
        if issubclass(value, msgspec.Struct):
            assert value.__struct_config__.frozen, name
        if dataclasses.is_dataclass(value):
            assert value.__dataclass_params__.frozen, name  # type: ignore[attr-defined]
        if issubclass(value, msgspec.Struct) or dataclasses.is_dataclass(value):
            assert value.__repr__ is not object.__repr__, name


@pytest.mark.parametrize(
    "package", ["actorch.actors._api", "actorch.supervisors._api", "actorch.cli"]
)
def test_the_file_of_public_names_holds_nothing_else(package: str) -> None:
    module = load(package)
    assert module.__file__ is not None
    with open(module.__file__, encoding="utf-8") as file:
        body = ast.parse(file.read()).body
    kinds = {type(node) for node in body}
    assert kinds <= {ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign}


@pytest.mark.parametrize("package", ["actors", "supervisors"])
def test_a_package_loads_what_it_offers_when_that_is_asked_for(package: str) -> None:
    code = f"""
import sys
import actorch.{package} as package
assert not [name for name in sys.modules if name.endswith("_api")]
from actorch.{package} import *
assert set(package.__all__) <= set(globals())
assert all(getattr(package, name) is globals()[name] for name in package.__all__)
try:
    package.missing
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"module 'actorch.{package}' has no attribute 'missing'\n"


def test_every_error_is_public_and_part_of_the_one_tree() -> None:
    actors = load("actorch.actors")
    errors = load("actorch.actors._errors")
    assert set(errors.__all__) <= set(actors.__all__)
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.ActorchError)


def test_the_tree_drawn_in_the_errors_file_is_the_tree() -> None:
    errors = load("actorch.actors._errors")
    drawn: list[tuple[str, str]] = []
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        word = line.lstrip("│├└─ ").split(" ")[0]
        if not word.endswith("Error"):
            continue
        depth = (len(line) - len(line.lstrip("│├└─ "))) // 4
        parents[depth:] = [word]
        if depth:
            drawn.append((parents[depth - 1], word))
    real = {(getattr(errors, child).__bases__[0].__name__, child) for _parent, child in drawn}
    assert set(drawn) == real
    assert {child for _parent, child in drawn} | {"ActorchError"} == set(errors.__all__)
