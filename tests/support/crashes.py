"""An app that is killed together with everything that could clean up after it."""

import contextlib
import os
import signal
import subprocess
import sys

import psutil

from processes import keeper_of, program, shims_of, wait_for_sign_in

APP = """
import sys
sys.path[:0] = {path!r}
from actorch.actors import AgentSpec
from actorch.supervisors import ActorSystem
agents = [AgentSpec(name, words, **options) for name, words, options in {agents!r}]
with ActorSystem(state_dir={state!r}) as system:
    system.run(agents, on_impossible="continue").wait()
"""


def tree(name, place, *words, **options):
    """An agent of that name which runs one of the tiny programs."""
    program_name, *rest = words
    return (name, list(program(program_name, place, *rest)), options)


@contextlib.contextmanager
def app(state, *agents):
    """An app with these agents; it is killed at the end, if it still runs."""
    code = APP.format(path=sys.path, state=str(state), agents=list(agents))
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def kill_all_at_once(process):
    """The app, its keeper and all shims, so that none can do anything about it."""
    keeper = keeper_of(process.pid)
    pids = [process.pid, keeper, *shims_of(keeper)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in reversed(pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).wait(30)


def crash(state, place, count, *agents):
    """Have these agents run until so many processes have signed in, and kill all above them."""
    with app(state, *agents) as process:
        pids = wait_for_sign_in(place, count)
        kill_all_at_once(process)
    return pids
