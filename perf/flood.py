"""One flood through actorch, measured from inside; and the program that prints it.

`output.py` runs this in an interpreter of its own: `python perf/flood.py ORDER`, a JSON document.
"""

import functools
import json
import os
import queue
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LINE = b"x" * 79 + b"\n"
BLOCK = LINE * 13_107
"""A bit less than 1 MiB: what is called MiB here."""
PYTHON_SOURCE = """
import os, sys, time
line = b"x" * 79 + b"\\n"
ticks = sys.argv[1][0] == "t"
for _ in range(int(sys.argv[2])):
    data = line if ticks else line * 13107
    while data:
        data = data[os.write(1, data):]
    if ticks:
        time.sleep(0.001)
"""
C_SOURCE = r"""
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char block[80 * 13107];

int main(int argc, char **argv) {
    int ticks = argv[1][0] == 't', count = atoi(argv[2]);
    size_t size = ticks ? 80 : sizeof block;
    struct timespec pause = {0, 1000000};
    memset(block, 'x', sizeof block);
    for (size_t end = 79; end < sizeof block; end += 80) block[end] = '\n';
    while (count-- > 0) {
        for (size_t done = 0; done < size;) {
            ssize_t more = write(1, block + done, size - done);
            if (more < 0) return 1;
            done += more;
        }
        if (ticks) nanosleep(&pause, NULL);
    }
    return argc == 3 ? 0 : 1;
}
"""


@contextmanager
def printer() -> Iterator[str]:
    """The program that prints, compiled, or written in Python where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "printer")
        if compiler:
            with open(f"{program}.c", "w", encoding="ascii") as file:
                file.write(C_SOURCE)
            subprocess.run([compiler, "-O2", "-o", program, f"{program}.c"], check=True)
        else:
            with open(program, "w", encoding="ascii") as file:
                file.write(f"#!{sys.executable} -S\n{PYTHON_SOURCE}")
            os.chmod(program, 0o700)
        yield program


@functools.cache
def crc_of(piece: bytes, count: int) -> tuple[int, int]:
    """Length and CRC of a piece, so many times."""
    crc = 0
    for _ in range(count):
        crc = zlib.crc32(piece, crc)
    return len(piece) * count, crc


def crc_of_file(path: str, carriage: bool = False) -> tuple[int, int]:
    size = crc = 0
    with open(path, "rb") as file:
        while data := file.read(1 << 20):
            if carriage:  # a terminal ends lines with CR LF
                data = data.replace(b"\r", b"")
            size, crc = size + len(data), zlib.crc32(data, crc)
    return size, crc


class Window:
    """The loop's processor time while all agents run: from the last start to the first end."""

    def __init__(self) -> None:
        self.marks: dict[str, list[tuple[float, float]]] = {"running": [], "succeeded": []}

    def __call__(self, _sender: object, *, event: Any) -> None:
        if (marks := self.marks.get(event.agent.state.value)) is not None:
            marks.append((time.perf_counter(), time.thread_time()))

    def share(self) -> float:
        """Of one core; 0 if there was no such time."""
        (begun, before), (over, after) = self.marks["running"][-1], self.marks["succeeded"][0]
        return (after - before) / (over - begun) if over > begun else 0.0


def peak(reset: bool = False) -> float:
    """The most memory, in KiB, that this process has had since the last reset; 0 if unknown."""
    try:
        if reset:
            with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
                file.write("5")
        with open("/proc/self/status", encoding="ascii") as file:
            found = [line.split()[1] for line in file if line.startswith("VmHWM")]
        return float(found[0])
    except OSError:
        return 0.0


class Asker:
    """Asks an actor of the same loop, and a bare thread in turn, at random moments."""

    def __init__(self, dispatcher: Any) -> None:
        from actorch.actors import Actor

        kind = type("Echo", (Actor,), {"on_receive": lambda _self, message: message})
        self.ref = dispatcher.spawn(kind)
        self.asked: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.told: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.taken: list[float] = []
        self.bare: list[float] = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=one) for one in (self.ask, self.answer)]
        for thread in self.threads:
            thread.start()

    def answer(self) -> None:
        while self.asked.get():
            self.told.put(True)

    def ask(self) -> None:
        chance = random.Random(7)
        while not self.over.wait(chance.expovariate(500.0)):
            begun = time.perf_counter()
            self.ref.ask(0)
            between = time.perf_counter()
            self.asked.put(True)
            self.told.get()
            self.taken.append(between - begun)
            self.bare.append(time.perf_counter() - between)
        self.asked.put(False)

    def end(self) -> dict[str, float]:
        """The 99th percentiles, in milliseconds."""
        self.over.set()
        for thread in self.threads:
            thread.join()
        return {"p99": p99(self.taken), "bare": p99(self.bare)}


def p99(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=100)[-1] * 1e3 if len(taken) > 1 else 0.0


START = {"none": 0.0, "busy": 0.5, "lines": 0.1, "tail": 0.5, "logs": 2.0}
"""Seconds that a follower gets to start in, before anything is printed."""


@contextmanager
def follower(kind: str, run: Any, state: str) -> Iterator[None]:
    """Somebody who reads along, as fast as he can; or who only computes, to compare with."""
    if kind == "none":
        yield
    elif kind == "lines":
        lines = run.lines("a0")
        thread = threading.Thread(target=lambda: sum(len(line.text) for line in lines))
        thread.start()
        yield
        lines.close()
        thread.join()
    else:
        command = {
            "busy": [sys.executable, "-c", "while True: pass"],
            "tail": ["tail", "-c", "+1", "-f", f"{run.directory}/a0.1.out"],
            "logs": [sys.executable, "-m", "actorch.cli", "logs", "last", "-f"],
        }[kind]
        env = {**os.environ, "ACTORCH_STATE_DIR": state}
        null = subprocess.DEVNULL
        with subprocess.Popen(command, stdout=null, stderr=null, env=env) as process:
            yield
            process.kill()


def followed(kind: str, run: Any, state: str) -> tuple[Any, float]:
    """Have an agent begin once its follower is there; the result, and when it began."""
    with open(f"{state}/go", "w", encoding="ascii") as gate, follower(kind, run, state):
        time.sleep(START[kind])
        begun = time.perf_counter()
        gate.write("go\n")
        gate.flush()
        return run.wait(300), begun


def play(order: dict[str, Any]) -> dict[str, Any]:
    """Run agents as ordered; returns what was measured."""
    from actorch.actors import AgentSpec
    from actorch.supervisors import ActorSystem

    options = {} if order["stdio"] == "file" else {"stdio": order["stdio"]}
    words = f"{order['printer']} {order['what']} {order['count']}"
    names = [f"a{number}" for number in range(order["agents"])]
    with (
        tempfile.TemporaryDirectory(dir=order["place"]) as state,
        ActorSystem(state_dir=state) as system,
    ):
        system.run([AgentSpec(f"w{n}", ["true"]) for n in range(len(names))]).wait(60)
        window = Window()
        system.events.agent_changed.connect(window)
        before = peak(reset=True)
        asker = Asker(system._dispatcher) if order["ask"] else None
        command: Any = words.split()
        if order["follow"]:
            os.mkfifo(f"{state}/go")
            command = ["sh", "-c", f"read _ < {state}/go; exec {words}"]
        begun = time.perf_counter()
        agents = [AgentSpec(name, command, **options) for name in names]
        run = system.run(agents, max_concurrent=len(names))
        if order["follow"]:
            result, begun = followed(order["follow"], run, state)
        else:
            result = run.wait(300)
        figures = {
            "seconds": time.perf_counter() - begun,
            "grown": (peak() - before) / 1024,
            "share": window.share(),
            **(asker.end() if asker else {}),
        }
        assert len(result.successes) == len(names), result.failures
        piece = LINE if order["what"] == "tick" else BLOCK
        expected = crc_of(piece, order["count"])
        for agent in result.agents:
            found = crc_of_file(agent.attempts[0].stdout_path, order["stdio"] == "pty")
            assert found == expected, (agent.name, found, expected)
    return figures


def measured(program: str, place: str, **order: Any) -> dict[str, Any]:
    """What one run of actorch in a process of its own measured; its files are at `place`."""
    whole = {"agents": 1, "what": "flood", "stdio": "file", "ask": False, "follow": "", **order}
    whole |= {"printer": program, "place": place}
    done = subprocess.run(
        [sys.executable, __file__, json.dumps(whole)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def main() -> int:
    print(json.dumps(play(json.loads(sys.argv[1]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
