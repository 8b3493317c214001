"""What every test runs with: a home of its own, and a count of what it leaves behind."""

import contextlib
import gc
import os
import pathlib
import sys
import sysconfig
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import hypothesis
import psutil
import pytest

PATIENCE = 10.0
"""Seconds in which what is just ending may end."""

COOKIE = f"TESTS_OF_ACTORCH_{uuid.uuid4().hex}"
"""In the environment of every process that this session starts, directly or not."""

_SETTINGS = ("ACTORCH_", "XDG_")
_COLOURS = (
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
)


def _roots_of_the_checkout() -> list[str]:
    """Where pytest itself found actorch, unless it is installed."""
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return [
        entry
        for entry in dict.fromkeys(sys.path)
        if entry not in installed and os.path.isdir(os.path.join(entry, "actorch"))
    ]


def _prepare_environment() -> None:
    """The user's own settings do not reach the tests; the checkout reaches their children."""
    for name in list(os.environ):
        if name.startswith(_SETTINGS) or name in _COLOURS:
            del os.environ[name]
    inherited = os.environ.get("PYTHONPATH")
    paths = [*_roots_of_the_checkout(), *([inherited] if inherited else [])]
    if paths:
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ[COOKIE] = "1"


_prepare_environment()
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
hypothesis.settings.register_profile("actorch", deadline=None, print_blob=True)
hypothesis.settings.load_profile("actorch")


@pytest.fixture(scope="session")
def _state_root(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session", autouse=True)
def _session_state(_state_root: str) -> None:
    """For fixtures that outlive a test, and for code that looks past ACTORCH_STATE_DIR."""
    os.environ["ACTORCH_STATE_DIR"] = os.path.join(_state_root, "session")
    os.environ["XDG_STATE_HOME"] = os.path.join(_state_root, "xdg")


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture(autouse=True)
def state_dir(_state_root: str, _numbers: Iterator[int]) -> Iterator[str]:
    """This test's own state directory, also in ACTORCH_STATE_DIR; not made before it is used."""
    before = os.environ["ACTORCH_STATE_DIR"]
    path = os.path.join(_state_root, str(next(_numbers)))
    os.environ["ACTORCH_STATE_DIR"] = path
    yield path
    os.environ["ACTORCH_STATE_DIR"] = before


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Where programs sign in; nothing that has it in its argv outlives the test."""
    from processes import nobody_at, wait_until

    path = tmp_path / "place"
    path.mkdir()
    try:
        yield path
        wait_until(lambda: nobody_at(path), "the end of all that ran")
    finally:
        (path / "over").touch()  # those that hop would outlive a test that failed


@dataclass(frozen=True)
class Belongings:
    """What this process holds at one moment."""

    descriptors: frozenset[int]
    threads: frozenset[threading.Thread]
    children: frozenset[int]

    @classmethod
    def now(cls) -> "Belongings":
        return cls(
            frozenset(_descriptors()),
            frozenset(threading.enumerate()),
            frozenset(_descendants(os.getpid())),
        )

    def __sub__(self, before: "Belongings") -> list[str]:
        """One line for each thing that was not there before."""
        return [
            *(_describe_descriptor(number) for number in self.descriptors - before.descriptors),
            *(
                f"thread {thread.name}"
                for thread in self.threads - before.threads
                if thread.is_alive()
            ),
            *(_describe_process(pid) for pid in self.children - before.children),
        ]


def _descriptors() -> list[int]:
    for directory in ("/proc/self/fd", "/dev/fd"):
        if os.path.isdir(directory):
            return [number for number in map(int, os.listdir(directory)) if _is_open(number)]
    return []


def _is_open(number: int) -> bool:
    """Whether it is still open: the one that listed the directory is not."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _descendants(pid: int) -> set[int]:
    try:
        return _read_descendants(pid)
    except FileNotFoundError:  # a kernel without the children files
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}


def _read_descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            found.update(map(int, file.read().split()))
    for child in list(found):
        with contextlib.suppress(OSError):  # gone meanwhile
            found |= _read_descendants(child)
    return found


def _describe_descriptor(number: int) -> str:
    try:
        return f"descriptor {number}: {os.readlink(f'/proc/self/fd/{number}')}"
    except OSError:
        return f"descriptor {number}"


def _describe_process(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        return (
            f"process {pid} ({process.status()}): {' '.join(process.cmdline()) or process.name()}"
        )
    except psutil.Error:
        return f"process {pid}"


def _left_after(before: Belongings) -> list[str]:
    """What is new and stays, once everything that was just ending had time to end."""
    left = Belongings.now() - before
    deadline = time.monotonic() + PATIENCE
    while left and time.monotonic() < deadline:
        gc.collect()
        threading.Event().wait(0.01)
        left = Belongings.now() - before
    return left


@pytest.fixture(autouse=True)
def _nothing_left_behind(state_dir: str) -> Iterator[None]:
    before = Belongings.now()
    yield
    if left := _left_after(before):
        pytest.fail("left behind:\n  " + "\n  ".join(left), pytrace=False)


def _strays() -> list[int]:
    """Processes of this session that are no descendants any more, or that nobody ended."""
    mark = f"{COOKIE}=1".encode()
    found: list[int] = []
    for process in psutil.process_iter():
        try:
            with open(f"/proc/{process.pid}/environ", "rb") as file:
                if process.pid != os.getpid() and mark in file.read().split(b"\0"):
                    found.append(process.pid)
        except OSError:
            continue
    return found


@pytest.fixture(scope="session", autouse=True)
def _no_strays() -> Iterator[None]:
    yield
    deadline = time.monotonic() + PATIENCE
    while (strays := _strays()) and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    if strays:
        pytest.fail(
            "still running:\n  " + "\n  ".join(map(_describe_process, strays)), pytrace=False
        )
