"""Apps of a few lines, each in an interpreter of its own."""

import contextlib
import json
import subprocess
import sys

from processes import CEILING, PROGRAMS

PRELUDE = """
import json, os, signal, sys, threading
from actorch.actors import AgentSpec, RetryPolicy
from actorch.supervisors import ActorSystem

place, programs = {place!r}, {programs!r}

once = RetryPolicy(max_attempts=1)

def sh(name, script, **options):
    return AgentSpec(name, script, shell=True, retry=once, **options)

def program(name, *words, **options):
    command = [sys.executable, "-S", "-E", os.path.join(programs, name), place, *words]
    return AgentSpec(name, command, retry=once, **options)

def new_system(name="state", **options):
    return ActorSystem(state_dir=os.path.join(place, name), **options)

def wait_for(holds):
    pause = threading.Event()
    while not holds():
        pause.wait(0.005)

def signed_in(count):
    wait_for(lambda: sum(name.isdigit() for name in os.listdir(place)) >= count)
"""
"""Before the app's own lines: `place` is a directory of its own."""

QUIET = ["-W", "ignore:This process:DeprecationWarning"]
"""Pythons after 3.11 warn of every fork in a process with threads; that is not what is tested."""


def command(place, code):
    """The command line of an app with these lines."""
    prelude = PRELUDE.format(place=str(place), programs=PROGRAMS)
    return [sys.executable, *QUIET, "-c", prelude + code]


def run_app(place, code, *, before=(), **options):
    """Run it to its end; `before` goes before its command line."""
    return subprocess.run(
        [*before, *command(place, code)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * CEILING,
        check=False,
        **options,
    )


def told_by(place, code, **options):
    """What it prints as JSON; it has to succeed and to say nothing else."""
    done = run_app(place, code, **options)
    assert (done.returncode, done.stderr) == (0, ""), done
    return json.loads(done.stdout)


@contextlib.contextmanager
def app(place, code):
    """A running one, which is killed in the end."""
    words = command(place, code)
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
