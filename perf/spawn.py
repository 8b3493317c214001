"""How many agents a second: `/bin/true`, many times, through actorch and through its peers.

    python perf/spawn.py                  # 1 000 processes, 10 and 100 at once, medians of 5 rounds
    python perf/spawn.py --quick          # 100 processes, one round, nothing judged
    python perf/spawn.py --json
    python perf/spawn.py --state DIR      # actorch's files go there; default: memory, if it can

actorch is measured whole: actors, table, journal on disk, output files, keeper and shims, from
`system.run` until the result is there; its keeper and shims are started within that time. The C
loop does nothing but posix_spawn and waitpid: it is the limit of the machine. What is not
installed is skipped and named.

actorch alone writes files, two for each process, and a round deletes those of the one before. ext4
gives no inode out again within five minutes of its deletion; searching for another one costs it
0.3 ms each time, so that the rounds would measure each other. Hence /dev/shm, where there is one.
Exits 1 if a target is missed.
"""

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

TRUE = shutil.which("true") or "/bin/true"
C_SOURCE = r"""
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

int main(int argc, char **argv) {
    int count = atoi(argv[1]), width = atoi(argv[2]), started = 0, ended = 0;
    char *command[] = {argv[3], NULL};
    struct timespec begun, over;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    while (ended < count) {
        while (started < count && started - ended < width) {
            pid_t pid;
            if (posix_spawn(&pid, command[0], NULL, NULL, command, environ)) return 1;
            started++;
        }
        if (waitpid(-1, NULL, 0) > 0) ended++;
    }
    clock_gettime(CLOCK_MONOTONIC, &over);
    printf("%.9f\n", (over.tv_sec - begun.tv_sec) + (over.tv_nsec - begun.tv_nsec) / 1e9);
    return argc == 4 ? 0 : 1;
}
"""

Contender = Callable[[int, int], float]
"""Runs so many processes, so many at once; returns the seconds it took."""


state_place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def compile_c(folder: str) -> Contender | None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    source, program = os.path.join(folder, "loop.c"), os.path.join(folder, "loop")
    with open(source, "w", encoding="ascii") as file:
        file.write(C_SOURCE)
    subprocess.run([compiler, "-O2", "-o", program, source], check=True)

    def run(count: int, width: int) -> float:
        done = subprocess.run(
            [program, str(count), str(width), TRUE], check=True, capture_output=True, text=True
        )
        return float(done.stdout)

    return run


def popen_loop(count: int, width: int) -> float:
    def work() -> None:
        running: list[subprocess.Popen[bytes]] = []
        for _ in range(count):
            if len(running) == width:
                running.pop(0).wait()
            running.append(subprocess.Popen([TRUE]))
        for process in running:
            process.wait()

    return timed(work)


def asyncio_exec(count: int, width: int) -> float:
    async def work() -> None:
        slots = asyncio.Semaphore(width)

        async def one() -> None:
            async with slots:
                process = await asyncio.create_subprocess_exec(TRUE)
                await process.wait()

        await asyncio.gather(*(one() for _ in range(count)))

    return timed(lambda: asyncio.run(work()))


def fed_with_numbers(command: Callable[[int], list[str]]) -> Contender:
    """A tool that starts one process for each line of its input."""

    def run(count: int, width: int) -> float:
        lines = "".join(f"{number}\n" for number in range(count))
        return timed(
            lambda: subprocess.run(
                command(width), input=lines, text=True, check=True, stderr=subprocess.DEVNULL
            )
        )

    return run


def actorch(count: int, width: int) -> float:
    from actorch.actors import AgentSpec
    from actorch.supervisors import ActorSystem

    agents = [AgentSpec(f"agent-{number}", [TRUE]) for number in range(count)]
    with (
        tempfile.TemporaryDirectory(dir=state_place) as state,
        ActorSystem(state_dir=state) as system,
    ):
        begun = time.perf_counter()
        result = system.run(agents, max_concurrent=width).wait(timeout=600)
        seconds = time.perf_counter() - begun
    assert len(result.successes) == count, result
    assert result.history is None, result.history
    return seconds


def contenders(folder: str) -> tuple[dict[str, Contender], list[str]]:
    """Those that can run here, and the names of those that cannot."""
    parallel, xargs = shutil.which("parallel"), shutil.which("xargs")
    everyone: dict[str, Contender | None] = {
        "C posix_spawn": compile_c(folder),
        "actorch": actorch,
        "subprocess.Popen": popen_loop,
        "asyncio": asyncio_exec,
        "xargs -P": xargs and fed_with_numbers(lambda n: [xargs, "-P", str(n), "-n", "1", TRUE]),
        "GNU parallel": parallel
        and fed_with_numbers(lambda n: [parallel, "--will-cite", "-j", str(n), "-N1", TRUE]),
    }
    able = {name: run for name, run in everyone.items() if run}
    return able, [name for name, run in everyone.items() if not run]


@dataclass(frozen=True)
class Row:
    """One contender at one width."""

    name: str
    width: int
    rate: float
    lowest: float
    highest: float
    of_c: float | None

    def __str__(self) -> str:
        ratio = f"{self.of_c:5.2f}" if self.of_c is not None else "    -"
        span = f"{self.lowest:.0f}-{self.highest:.0f}"
        return f"{self.name:<17} {self.width:>7} {self.rate:>9.0f} {span:>13} {ratio:>8}"


HEADER = f"{'':<17} {'at once':>7} {'a second':>9} {'lowest-highest':>13} {'of C':>7}"


def measure(able: dict[str, Contender], width: int, count: int, rounds: int) -> list[Row]:
    """Medians over rounds in which everyone runs once, in an order that rotates."""
    rates: dict[str, list[float]] = {name: [] for name in able}
    names = list(able)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            rates[name].append(count / able[name](count, width))
    limit = statistics.median(rates["C posix_spawn"]) if "C posix_spawn" in rates else None
    rows: list[Row] = []
    for name, values in rates.items():
        rate = statistics.median(values)
        of_c = rate / limit if limit else None
        rows.append(Row(name, width, rate, min(values), max(values), of_c))
    return rows


def targets(rows: list[Row]) -> list[tuple[str, bool]]:
    """Each promise that could be measured, and whether it is kept."""
    by_name = {row.name: row for row in rows if row.width == 10}
    ours = by_name.get("actorch")
    if ours is None:
        return []
    kept: list[tuple[str, bool]] = []
    if ours.of_c is not None:
        kept.append((f"0.4 of the C loop at 10 at once: {ours.of_c:.2f}", ours.of_c >= 0.4))
    for peer in ("asyncio", "GNU parallel"):
        if row := by_name.get(peer):
            text = f"faster than {peer} at 10 at once: {ours.rate:.0f}/s, {row.rate:.0f}/s"
            kept.append((text, ours.rate > row.rate))
    return kept


def machine() -> str:
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


@dataclass(frozen=True)
class Report:
    """What one call of this program found."""

    count: int
    rounds: int
    rows: list[Row]
    skipped: list[str]
    targets: list[tuple[str, bool]]

    def text(self) -> str:
        lines = [f"{self.count} x {TRUE}, medians of {self.rounds} rounds; {machine()}", HEADER]
        lines += [str(row) for row in self.rows]
        lines += [f"skipped: {name} is not installed" for name in self.skipped]
        lines += [f"target {'met' if met else 'MISSED'}: {text}" for text, met in self.targets]
        return "\n".join(lines)

    def document(self) -> str:
        rows = [vars(row) for row in self.rows]
        judged = [{"target": text, "met": met} for text, met in self.targets]
        return json.dumps(
            {"machine": machine(), **vars(self), "rows": rows, "targets": judged}, indent=2
        )


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="100 processes, one round, not judged")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument("--count", type=int, help="processes in a round (1000)")
    parser.add_argument("--rounds", type=int, help="rounds (5)")
    parser.add_argument("--state", default=state_place, help=f"for actorch's files ({state_place})")
    parser.add_argument("--only", default="", help="measure only what has this in its name, and C")
    return parser.parse_args()


def main() -> int:
    global state_place
    chosen = options()
    state_place = chosen.state
    count = chosen.count or (100 if chosen.quick else 1000)
    rounds = chosen.rounds or (1 if chosen.quick else 5)
    with tempfile.TemporaryDirectory() as folder:
        able, skipped = contenders(folder)
        able = {n: run for n, run in able.items() if chosen.only in n or n.startswith("C ")}
        rows = [row for width in (10, 100) for row in measure(able, width, count, rounds)]
    report = Report(count, rounds, rows, skipped, [] if chosen.quick else targets(rows))
    print(report.document() if chosen.json else report.text())
    return 0 if chosen.quick or all(met for _text, met in report.targets) else 1


if __name__ == "__main__":
    sys.exit(main())
