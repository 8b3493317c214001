"""What does output cost? Agents that flood their files, beside `command > file` in a shell.

    python perf/output.py                  # 512 MiB, 10 x 64 MiB, 100 agents, medians of 3 rounds
    python perf/output.py --quick          # 16 MiB, 10 x 2 MiB, one round, nothing judged
    python perf/output.py --json
    python perf/output.py --state DIR      # where the files go; default: memory, if it can

One small program prints 80-byte lines for everybody, in blocks of 1 MiB, or one line a millisecond.
actorch runs in an interpreter of its own (`flood.py`), from `system.run` until the result is there.
Memory that nobody has touched for a while is slow to write to on a virtual machine, and whoever is
first pays for it: so those who are compared take turns in both orders, and the ratio is the median
of that of neighbours. In every case what is on the disk is compared with what was printed, by
length and CRC. What is not installed is skipped and named. Exits 1 if a target is missed.

`beside` is how fast one agent prints while somebody reads along: `run.lines` in a thread of the
app, `tail -f`, `actorch logs -f`; or while a process only computes, which slows it as well.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import pty
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from flood import BLOCK, crc_of, crc_of_file, measured, printer

PAIRS = 4
"""Turns that those who are compared take in a round."""
place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def in_a_shell(script: str, agents: int, count: int) -> float:
    """`script` with `$out`, once for each agent, all at once."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        whole = "".join(f"out={folder}/{n}; {script} &\n" for n in range(agents)) + "wait\n"
        seconds = timed(lambda: subprocess.run(["sh", "-c", whole], check=True))
        expected = crc_of(BLOCK, count)
        for number in range(agents):
            assert crc_of_file(f"{folder}/{number}") == expected
    return seconds


def asyncio_lines(program: str, count: int) -> float:
    async def work() -> int:
        process = await asyncio.create_subprocess_exec(
            program, "flood", str(count), stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        size = 0
        async for line in process.stdout:
            size += len(line)
        await process.wait()
        return size

    sizes: list[int] = []
    seconds = timed(lambda: sizes.append(asyncio.run(work())))
    assert sizes == [len(BLOCK) * count]
    return seconds


def bare_terminal(program: str, count: int) -> float:
    """What a loop that only reads from a terminal, and writes to a file, can do."""

    def work() -> None:
        master, slave = pty.openpty()
        with subprocess.Popen([program, "flood", str(count)], stdout=slave):
            os.close(slave)
            with contextlib.suppress(OSError):
                while data := os.read(master, 1 << 16):
                    file.write(data)
        os.close(master)

    with tempfile.TemporaryFile(dir=place) as file:
        return timed(work)


def gnu_parallel(parallel: str, program: str, agents: int, count: int) -> float:
    with tempfile.TemporaryDirectory(dir=place) as folder:
        words = [
            parallel,
            "--will-cite",
            "--line-buffer",
            "-j",
            str(agents),
            "-N1",
            program,
            "flood",
        ]
        numbers = f"{count}\n" * agents
        with open(f"{folder}/out", "wb") as out:
            seconds = timed(
                lambda: subprocess.run(words, input=numbers.encode(), stdout=out, check=True)
            )
        assert crc_of_file(f"{folder}/out") == crc_of(BLOCK, count * agents)
    return seconds


class Measure:
    """Everything that is measured, in rounds; and what came out of it.

    Args:
        program: what prints.
        quick: whether to do little of it.
        rounds: how often.
    """

    def __init__(self, program: str, quick: bool, rounds: int) -> None:
        self.program = program
        self.rounds = rounds
        self.one, self.each, self.slow = (16, 2, 4) if quick else (512, 64, 64)
        self.long = 16 if quick else 1024
        self.agents, self.ticks = (10, 300) if quick else (100, 10_000)
        self.parallel = shutil.which("parallel")
        self.got: dict[str, list[float]] = {}

    def note(self, name: str, value: float) -> None:
        self.got.setdefault(name, []).append(value)

    def figures(self) -> dict[str, float]:
        return {name: statistics.median(values) for name, values in self.got.items()}

    def all(self) -> None:
        for number in range(self.rounds):
            print(f"round {number + 1} of {self.rounds} ...", file=sys.stderr, flush=True)
            self.flood("one", 1, self.one)
            self.flood("ten", 10, self.each)
            self.through_pipes()
            self.followers()
            self.peers()
        self.trickle()

    def flood(self, name: str, agents: int, count: int) -> None:
        for turn in range(PAIRS):
            pair = [self.shell, self.ours] if turn % 2 else [self.ours, self.shell]
            rates = {run: run(name, agents, count) for run in pair}
            self.note(f"{name}: of the shell", rates[self.ours] / rates[self.shell])
        self.ask(name, agents=agents, count=2 * count)

    def shell(self, name: str, agents: int, count: int) -> float:
        script = f"{self.program} flood {count} > $out"
        rate = agents * count / in_a_shell(script, agents, count)
        self.note(f"{name}: shell", rate)
        return rate

    def ours(self, name: str, agents: int, count: int) -> float:
        ran = measured(self.program, place, agents=agents, count=count)
        rate: float = agents * count / ran["seconds"]
        self.note(f"{name}: actorch", rate)
        self.note(f"{name}: memory", ran["grown"])
        self.note(f"{name}: loop", ran["share"] * 100)
        return rate

    def through_pipes(self) -> None:
        from actorch.actors import AgentSpec

        if "stdio" not in AgentSpec.__struct_fields__:
            return
        script = f"{self.program} flood {self.one} | cat | cat > $out"
        self.note("pipe: cat", self.one / in_a_shell(script, 1, self.one))
        for stdio in ("pipe", "pty"):
            count = self.one if stdio == "pipe" else self.slow
            ran = measured(self.program, place, count=count, stdio=stdio)
            self.note(f"{stdio}: actorch", count / ran["seconds"])
            self.note(f"{stdio}: memory", ran["grown"])
        self.note("pty: bare loop", self.slow / bare_terminal(self.program, self.slow))

    def followers(self) -> None:
        kinds = ["none", "busy", "lines", "tail", *(["logs"] if has_logs() else [])]
        for turn in range(PAIRS):
            for kind in kinds[turn % len(kinds) :] + kinds[: turn % len(kinds)]:
                ran = measured(self.program, place, count=self.long, follow=kind)
                self.note(f"beside {kind}", self.long / ran["seconds"])
                if kind == "lines":
                    self.note("lines: memory", ran["grown"])

    def peers(self) -> None:
        self.note("asyncio readline", self.slow / asyncio_lines(self.program, self.slow))
        if self.parallel:
            for name, agents, count in (("one", 1, self.one), ("ten", 10, self.each)):
                seconds = gnu_parallel(self.parallel, self.program, agents, count)
                self.note(f"{name}: parallel", agents * count / seconds)

    def trickle(self) -> None:
        order = {"agents": self.agents, "what": "tick", "count": self.ticks}
        ran = measured(self.program, place, **order)
        self.note("trickle: loop", ran["share"] * 100)
        self.note("trickle: memory", ran["grown"])
        self.ask("trickle", **order)

    def ask(self, name: str, **order: Any) -> None:
        asked = measured(self.program, place, **order, ask=True)
        for key, words in (("p99", "p99"), ("bare", "p99, bare")):
            self.note(f"{name}: {words}", asked[key])


def has_logs() -> bool:
    words = sys.executable, "-m", "actorch.cli", "logs", "--help"
    return not subprocess.run(words, capture_output=True, check=False).returncode


def targets(got: dict[str, float]) -> list[tuple[str, bool]]:
    """Each promise that could be measured, and whether it is kept."""
    kept: list[tuple[str, bool]] = []

    def judge(words: str, value: float, met: bool) -> None:
        kept.append((f"{words}: {value:.2f}", met))

    for name in ("one", "ten"):
        ratio = got[f"{name}: of the shell"]
        judge(f"{name} at once, of `command > file`, 0.9 or more", ratio, ratio >= 0.9)
    times = got["one: actorch"] / got["asyncio readline"]
    judge("one, of asyncio's line loop, 20 or more", times, times >= 20)
    for name in ("one", "ten", "trickle"):
        for key, most, unit in (
            ("memory", 16, "MiB"),
            ("loop", 2, "% of a core"),
            ("p99", 10, "ms"),
        ):
            value = got[f"{name}: {key}"]
            most = max(most, got.get(f"{name}: {key}, bare", 0.0))
            judge(f"{name}: {key}, {most:.0f} {unit} or less", value, value <= most)
    for kind in ("lines", "tail", "logs"):
        if (rate := got.get(f"beside {kind}")) is not None:
            slowing = 100 - 100 * rate / got["beside busy"]
            words = f"% slower beside {kind} than beside a busy process, less than 15"
            judge(words, slowing, slowing < 15)
    for stdio, limit in (("pipe", "cat"), ("pty", "bare loop")):
        if (rate := got.get(f"{stdio}: actorch")) is not None:
            ratio = rate / got[f"{stdio}: {limit}"]
            judge(f"{stdio}, of {LIMITS[limit]}, 0.5 or more", ratio, ratio >= 0.5)
    return kept


LIMITS = {"cat": "`command | cat | cat > file`", "bare loop": "a loop that only reads and writes"}
UNITS = {"of the shell": "", "memory": "MiB", "loop": "% of a core", "p99": "ms", "p99, bare": "ms"}


def show(got: dict[str, float], spans: dict[str, list[float]]) -> None:
    for name, value in got.items():
        unit = UNITS.get(name.split(": ")[-1], "MiB/s")
        span = f"{min(spans[name]):>9.2f} - {max(spans[name]):.2f}"
        print(f"{name:<20} {value:>9.2f} {unit:<12} {span}")


def machine() -> str:
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="little of it, once, not judged")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument("--rounds", type=int, help="rounds (3)")
    parser.add_argument("--state", default=place, help=f"for the files ({place})")
    return parser.parse_args()


def main() -> int:
    global place
    chosen = options()
    place = chosen.state
    with printer() as program:
        measure = Measure(program, chosen.quick, chosen.rounds or (1 if chosen.quick else 3))
        measure.all()
    got = measure.figures()
    verdicts = [] if chosen.quick else targets(got)
    if chosen.json:
        print(json.dumps({"machine": machine(), "medians": got, "targets": verdicts}, indent=2))
    else:
        print(f"medians of {measure.rounds} rounds; {machine()}")
        show(got, measure.got)
        for what, there in (("GNU parallel", measure.parallel), ("actorch logs", has_logs())):
            print(end="" if there else f"skipped: there is no {what}\n")
        for words, met in verdicts:
            print(f"target {'met' if met else 'MISSED'}: {words}")
    return 0 if all(met for _words, met in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
