"""The peers of leaks.py: how each of them is started with one tree, and how it is stopped."""

import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

MARK = "LEAKS_CELL"
PATIENCE = 10.0
"""Seconds that a tool may take to stop; honcho would wait for as long as the tree lives."""

SETTLED = 6.5
"""Seconds that a tree has once its tool has stopped; an actorch in it gives its own agent five."""

ORPHANED = 1.5
"""Seconds that a tree has once its tool is killed."""

GRACE = 0.5
LONGER = 3
"""For supervisord: it reaps once a second, and with 1 would now and then kill whom it had lost."""


@dataclass
class Bed:
    """One tool with one tree.

    Attributes:
        tool: its path.
        directory: for its files, with a short name since sockets are made there.
        command: the tree's, as a string for the shell that becomes the leader.
        env: what the tool runs with.
        process: the tool, or the command that told it about the tree.
    """

    tool: str
    directory: str
    command: str
    env: dict[str, str] = field(default_factory=dict)
    process: Any = None

    def write(self, name: str, *lines: str) -> str:
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        return path

    def call(self, *words: str) -> None:
        null = subprocess.DEVNULL
        subprocess.run([self.tool, *words], env=self.env, stdin=null, stdout=null, stderr=null)


def plain(*words: str) -> Callable[[Bed], list[str]]:
    """The command line of a tool that takes one after these words."""
    return lambda bed: [bed.tool, *words, "/bin/sh", "-c", bed.command]


def parallel(bed: Bed) -> list[str]:
    words = ["--will-cite", "--termseq", "TERM,500,KILL,25", ":::", bed.command]
    return [bed.tool, *words]


def supervisord(bed: Bed) -> list[str]:
    shell = shlex.join(["/bin/sh", "-c", bed.command]).replace("%", "%%")
    path = bed.write(
        "supervisord.conf",
        "[supervisord]",
        "nodaemon=true",
        f"logfile={bed.directory}/log",
        f"pidfile={bed.directory}/pid",
        f"childlogdir={bed.directory}",
        "[program:tree]",
        f"command={shell}",
        "autorestart=false",
        "startsecs=0",
        f"stopwaitsecs={LONGER}",
        "stopasgroup=true",
        "killasgroup=true",
    )
    return [bed.tool, "-c", path]


def circus(bed: Bed) -> list[str]:
    path = bed.write(
        "circus.ini",
        "[circus]",
        f"endpoint = ipc://{bed.directory}/endpoint",
        f"pubsub_endpoint = ipc://{bed.directory}/pubsub",
        "[watcher:tree]",
        f"cmd = {shlex.join(['/bin/sh', '-c', bed.command])}",
        "copy_env = true",
        "respawn = false",
        "stop_children = true",
        f"graceful_timeout = {GRACE}",
    )
    return [bed.tool, path]


def honcho(bed: Bed) -> list[str]:
    return [bed.tool, "-f", bed.write("Procfile", f"tree: {bed.command}"), "start"]


def concurrently(bed: Bed) -> list[str]:
    return [bed.tool, "--kill-timeout", str(int(GRACE * 1000)), bed.command]


def pm2(bed: Bed) -> list[str]:
    bed.env["PM2_HOME"] = os.path.join(bed.directory, "pm2")
    words = ["--name", "tree", "--interpreter", "none", "--no-autorestart"]
    grace = ["--kill-timeout", str(int(GRACE * 1000))]
    return [bed.tool, "start", "/bin/sh", *words, *grace, "--", "-c", bed.command]


def task_spooler(bed: Bed) -> list[str]:
    bed.env["TS_SOCKET"] = os.path.join(bed.directory, "socket")
    return [bed.tool, "/bin/sh", "-c", bed.command]


def terminate(bed: Bed) -> None:
    bed.process.terminate()


def terminate_twice(bed: Bed) -> None:
    """The first SIGTERM lets it wait for what runs, the second one ends it."""
    bed.process.terminate()
    with suppress(subprocess.TimeoutExpired):
        bed.process.wait(0.3)
    bed.process.terminate()


def the_process(bed: Bed) -> list[int]:
    return [bed.process.pid] if bed.process.poll() is None else []


def pm2_server(bed: Bed) -> list[int]:
    with open(os.path.join(bed.env["PM2_HOME"], "pm2.pid"), encoding="ascii") as file:
        return [int(file.read())]


def by_path(bed: Bed) -> list[int]:
    """All processes of the tool itself."""
    return [pid for pid in marked(bed) if _exe(pid) == os.path.realpath(bed.tool)]


def _exe(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def marked(bed: Bed) -> list[int]:
    """Whoever has the bed's mark in the environment."""
    mark, found = f"{MARK}={bed.env[MARK]}".encode(), []
    for pid in psutil.pids():
        with suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
            if mark in file.read().split(b"\0"):
                found.append(pid)
    return found


@dataclass(frozen=True)
class Peer:
    """A tool.

    Attributes:
        name: for people.
        tool: the file to look for.
        start: makes its files; returns its command line.
        stop: how it is told to end its tree; returns when it is told.
        pids: of the tool itself while it runs.
        serves: whether it goes on when its tree is stopped.
    """

    name: str
    tool: str
    start: Callable[[Bed], list[str]]
    stop: Callable[[Bed], None] = terminate
    pids: Callable[[Bed], list[int]] = the_process
    serves: bool = False


PEERS = (
    Peer("GNU parallel", "parallel", parallel, terminate_twice),
    Peer("supervisord, stop and kill as group", "supervisord", supervisord),
    Peer("circus, stop_children", "circusd", circus),
    Peer("honcho", "honcho", honcho),
    Peer("concurrently", "concurrently", concurrently),
    Peer("pm2", "pm2", pm2, lambda bed: bed.call("delete", "all"), pm2_server, serves=True),
    Peer("task-spooler", "tsp", task_spooler, lambda bed: bed.call("-k"), by_path, serves=True),
    Peer("timeout -k", "timeout", plain("-k", str(GRACE), "600")),
    Peer("tini -s -g", "tini", plain("-s", "-g", "--")),
    Peer("dumb-init", "dumb-init", plain("--")),
    Peer("catatonit -g", "catatonit", plain("-g", "--")),
)


def find(peer: Peer, directories: list[str]) -> str | None:
    """Its path: in these directories, then where the shell would look."""
    return shutil.which(peer.tool, path=os.pathsep.join([*directories, os.environ["PATH"]]))


def survivors(peer: Peer, tool: str, tree: Any, directory: str, *, killed: bool) -> int:
    """How many of a tree live once its tool was stopped, or killed. Ends them all."""
    bed = Bed(tool, directory, "exec " + shlex.join(tree.command()))
    bed.env = {**os.environ, MARK: uuid.uuid4().hex}
    null = subprocess.DEVNULL
    command = peer.start(bed)
    with subprocess.Popen(command, env=bed.env, stdin=null, stdout=null, stderr=null) as process:
        bed.process = process
        try:
            tree.wait_until_ready()
            (_kill if killed else _stop)(peer, bed, tree)
            alive: int = tree.survivors()
        finally:
            tree.clear()
            _end(peer, bed)
    return alive


def _kill(peer: Peer, bed: Bed, tree: Any) -> None:
    for pid in peer.pids(bed):
        os.kill(pid, signal.SIGKILL)
    tree.outlive(time.monotonic(), ORPHANED)


def _stop(peer: Peer, bed: Bed, tree: Any) -> None:
    began = time.monotonic()
    peer.stop(bed)
    while not peer.serves and peer.pids(bed) and time.monotonic() - began < PATIENCE:
        threading.Event().wait(0.05)
    tree.outlive(time.monotonic(), SETTLED)


def _end(peer: Peer, bed: Bed) -> None:
    """Kill the tool, and whatever it has started."""
    with suppress(OSError):
        for pid in peer.pids(bed):
            os.kill(pid, signal.SIGKILL)
    while left := marked(bed):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
