"""A cgroup of version 2 in which tests may make others, where there is one."""

import contextlib
import os

import pytest

from actorch.actors._cgroup import remove_groups
from processes import wait_until


def hierarchy():
    """Where cgroups of version 2 are mounted; None if nowhere."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            about, _, kind = line.partition(" - ")
            if kind.startswith("cgroup2 "):
                return about.split(" ")[4]
    return None


@contextlib.contextmanager
def delegated():
    """The directory of a cgroup that is ours; the test is skipped where none can be made."""
    mount = hierarchy() if os.path.exists("/proc/self/mountinfo") else None
    if mount is None:
        pytest.skip("needs a cgroup v2 hierarchy")
    path = f"{mount}/actorch-tests-{os.getpid()}"
    try:
        os.mkdir(path)
    except OSError as error:
        pytest.skip(f"needs the right to make cgroups: {error}")
    if not os.path.exists(f"{path}/cgroup.kill"):
        os.rmdir(path)
        pytest.skip("needs Linux 5.14")
    try:
        yield path
    finally:
        with open(f"{path}/cgroup.kill", "w", encoding="ascii") as file:
            file.write("1")
        wait_until(lambda: remove_groups(path) or not os.path.exists(path), "the end of the cgroup")


def members(path):
    """The pids in a cgroup and in those below it."""
    found = []
    for place, _directories, names in os.walk(path):
        if "cgroup.procs" in names:
            with open(f"{place}/cgroup.procs", encoding="ascii") as file:
                found += map(int, file.read().split())
    return found
