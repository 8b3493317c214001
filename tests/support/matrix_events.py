"""What happens to a tree. Each event is a context; it gives the time at which it happened."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from queue import SimpleQueue

from actorch.actors import AgentSpec, AgentState, Backoff, RetryPolicy, StopPlan
from actorch.supervisors import ActorSystem
from processes import PROGRAMS, keeper_of, shims_of, wait_until
from trees import CEILING, is_stopped

ONCE = RetryPolicy(max_attempts=1)
AT_ONCE = RetryPolicy(max_attempts=2, retry_on="transient", backoff=Backoff(initial=0.0))
TIMEOUT = 4.0
"""Seconds; every tree must be complete by then, while other cells keep the machine busy."""


@contextmanager
def running(tree, receiver=None, **options):
    """A run of this tree alone, in this process."""
    options = {"command": tree.command(), "retry": ONCE, "timeout": None, **options}
    agent = AgentSpec("tree", stop=StopPlan.parse("TERM 0.5s KILL"), **options)
    with ActorSystem("matrix", state_dir=tree.state) as system:
        if receiver is not None:
            system.events.agent_changed.connect(receiver)
        run = system.run([agent])
        tree.wait_until_ready()
        yield system, run


def tell_leader(system, signum):
    """Signal it, unless it is gone. Returns when."""
    wait_until(lambda: system.snapshot().agents[0].pid, "the pid of the leader")
    began = time.monotonic()
    with suppress(ProcessLookupError):
        os.kill(system.snapshot().agents[0].pid, signum)
        os.kill(system.snapshot().agents[0].pid, signal.SIGCONT)
    return began


@contextmanager
def stop_agent(tree):
    with running(tree) as (_system, run):
        began = time.monotonic()
        run.stop("tree")
        yield began


@contextmanager
def stop_run(tree):
    with running(tree) as (_system, run):
        began = time.monotonic()
        run.stop()
        yield began


@contextmanager
def time_out(tree):
    """At the moment when the agent is told, or has ended without."""
    told = SimpleQueue()

    def receiver(_events, event):
        if event.agent.state is AgentState.STOPPING or event.agent.state.final:
            told.put(time.monotonic())

    with running(tree, receiver, timeout=TIMEOUT):
        yield told.get(timeout=CEILING)


@contextmanager
def exit_by_itself(tree):
    with running(tree) as (system, _run):
        yield tell_leader(system, signal.SIGUSR1)


@contextmanager
def restart(tree):
    """The second attempt fails if anybody of the first holds the lock that they all share."""
    with running(tree, command=tree.command(retried=True), retry=AT_ONCE) as (system, run):
        began = tell_leader(system, signal.SIGUSR2)
        result = run.wait(CEILING)
        if not result.ok or len(result["tree"].attempts) != 2:
            tree.problem = f"the second attempt: {result['tree']!r}, {result['tree'].error}"
        yield began


def kill_owner(number):
    """The event that kills the keeper (0) or the shim (1) of an app that is this process."""

    @contextmanager
    def kill(tree):
        with running(tree):
            owners = tree.owners(os.getpid())
            began = time.monotonic()
            if owners:
                os.kill(owners[number], signal.SIGKILL)
            yield began

    return kill


@contextmanager
def app(tree, way="returns"):
    """An app with this tree, which ends in its way once its input does."""
    script = os.path.join(PROGRAMS, "fleet_app.py")
    command = [sys.executable, script, tree.state, way, json.dumps(tree.command())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            tree.wait_until_ready()
            yield process
        finally:
            process.kill()


def app_ends(way):
    """The event that an app ends by itself, its system still open."""

    @contextmanager
    def end(tree):
        with app(tree, way) as process:
            began = time.monotonic()
            process.stdin.close()
            yield began

    return end


@contextmanager
def kill_app(tree):
    with app(tree) as process:
        began = time.monotonic()
        process.kill()
        yield began


@contextmanager
def kill_all(tree):
    """App, keeper and shims at once, so that none of them can do anything about it; then gc."""
    with app(tree) as process:
        keeper = keeper_of(process.pid)
        family = [process.pid, keeper, *shims_of(keeper)]
        began = time.monotonic()
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: all(map(is_stopped, family)), "the stop of app, keeper and shims")
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        process.wait()
        collect_garbage(tree)
        yield began


def collect_garbage(tree):
    """End what the run left, as a user would who comes back."""
    command = [sys.executable, "-m", "actorch.cli", "gc", "-y", "--state-dir", tree.state]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CEILING, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
        tree.problem = f"gc exited with {done.returncode}: {last}"
