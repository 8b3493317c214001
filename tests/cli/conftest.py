"""Calls of the command: within this process where that is enough, else as a process of its own."""

import os
import subprocess
import sys
from typing import NamedTuple

import pytest

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(__file__)), "support"))

COMMAND = [sys.executable, "-W", "error", "-m", "actorch.cli"]


class Said(NamedTuple):
    """What a call came to."""

    code: int
    out: str
    err: str

    @property
    def line(self):
        """The one line of standard error that an error is allowed."""
        assert self.err.startswith("actorch: "), self
        assert self.err.endswith("\n"), self
        assert self.err.count("\n") == 1, self
        return self.err.removeprefix("actorch: ").rstrip("\n")


@pytest.fixture
def actorch(capfd):
    """Call the command within this process."""
    from actorch.cli import main

    def call(*words):
        capfd.readouterr()
        code = main([str(word) for word in words])
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return call


@pytest.fixture
def process():
    """Start the command as a process; it is killed at the end if it still runs."""
    started = []

    def start(*words, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        one = subprocess.Popen([*COMMAND, *map(str, words)], **options)
        started.append(one)
        return one

    yield start
    for one in started:
        one.kill()
        one.wait()
        for stream in (one.stdout, one.stderr, one.stdin):
            if stream is not None:
                stream.close()


@pytest.fixture
def fleet(tmp_path):
    """Write a fleet file."""

    def write(text):
        path = tmp_path / "fleet.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
