"""Words for small programs, and ways to wait for what they do."""

import os
import sys
import threading

from actorch.actors import AgentSpec, Backoff, RetryPolicy

CEILING = 30.0
"""Seconds that any run of these tests may take before it counts as hung."""


def python(name, code, **options):
    """An agent that runs a few lines of Python."""
    options.setdefault("retry", RetryPolicy(max_attempts=1))
    return AgentSpec(name, [sys.executable, "-S", "-c", code], **options)


def shell(name, script, **options):
    """An agent that runs a shell script."""
    options.setdefault("retry", RetryPolicy(max_attempts=1))
    return AgentSpec(name, script, shell=True, **options)


def at_once(attempts, **options):
    """A retry policy that does not wait."""
    backoff = Backoff(initial=0.001, cap=0.001, jitter="none")
    return RetryPolicy(max_attempts=attempts, backoff=backoff, **options)


def wait_until(holds, what="it"):
    """Look again every few milliseconds, for as long as the ceiling allows."""
    pause = threading.Event()
    for _ in range(int(CEILING / 0.005)):
        if holds():
            return
        pause.wait(0.005)
    raise AssertionError(f"{what} did not happen within {CEILING} s")


def wait_for_file(path):
    """Until a program has made this file."""
    wait_until(lambda: os.path.exists(path), f"the file {path}")


def gone(pid):
    """Whether no process has this number, or only a zombie does."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"Z"
    except OSError:
        return True
