"""What supervision costs: how soon a child is back, and whether many children cost no more each.

    python perf/supervision.py                # medians of 5 rounds, up to 10 000 children
    python perf/supervision.py --quick        # a tenth of the children, one round, nothing judged
    python perf/supervision.py --json

Restart latency: a child without backoff is told to crash and asked at once; the question waits for
the next incarnation, whose answer ends the measurement. A plain answer stands beside it, for scale.

Children: under a `Supervisor` and a `DynamicSupervisor`, all start, one in ten crashes until all
handle messages again, and all are stopped; under "one_for_all", one crashes, ten times in a row.
Memory is resident memory, with the specs. Processor time is that of the whole process, user and
system; what is only done once is done before. Each round runs in an interpreter of its own, small
and large in turn, the small one ten times in a row: what is compared takes equally long, one right
after the other, since the speed of a machine changes. Garbage is collected before each phase; with
10 000 children, Python does so once more while they start, which counts. Crashes are reported to a
handler that drops them: a log would be most of what is measured.

Target: ten times the children take at most 12 times the time, in each phase, of the processor and
on the clock, in the median of all rounds. Exits 1 if it is missed.
"""

import argparse
import gc
import json
import logging
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from actorch.actors import Actor, ActorRef, Dispatcher
from actorch.supervisors import (
    Budget,
    ChildSpec,
    DynamicSupervisor,
    RestartBackoff,
    Supervisor,
    SupervisorRef,
    start_supervisor,
)

KINDS = {"Supervisor": 1_000, "DynamicSupervisor": 1_000, "one_for_all": 100}
"""With the smaller number of children; the larger is `TIMES` that."""

TIMES = 10

COLUMNS = [f"{phase} {what}" for phase in ("start", "crash", "stop") for what in ("cpu", "wall")]
CRASHES = 3_000
WHOLE_CRASHES = 10
"""In a row, where each restarts everybody: one alone is too short to be measured."""

AT_A_TIME = 100
"""Children that a `DynamicSupervisor` is told to start before they are waited for."""

MOST = 12.0
AT_ONCE = RestartBackoff(min=0, jitter="none")
AGAIN_AND_AGAIN = Budget(1_000_000)
CRASH = object()

Figures = dict[str, float]


class Latch:
    """Set once it was hit `hits` times, on the one thread that the children share."""

    def __init__(self, hits: int) -> None:
        self.left = hits
        self.event = threading.Event()

    def hit(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.event.set()


class Worker(Actor):
    """Answers; or crashes, if that is what it is told."""

    def on_receive(self, message: object) -> object:
        if message is CRASH:
            raise RuntimeError("as told")
        if isinstance(message, Latch):
            message.hit()
        return message


class Stopwatch:
    """Milliseconds between one lap and the next: of the processor, and on the clock."""

    def __init__(self) -> None:
        self.figures: Figures = {}
        self.start()

    def start(self) -> None:
        gc.collect()
        self.last = time.process_time(), time.perf_counter()

    def lap(self, phase: str, times: int = 1) -> None:
        now = time.process_time(), time.perf_counter()
        for what, begun, ended in zip(("cpu", "wall"), self.last, now, strict=True):
            self.figures[f"{phase} {what}"] = (ended - begun) * 1e3 / times
        self.start()


def resident() -> float:
    """KiB of memory that this process has now."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


def spec(number: int) -> ChildSpec:
    return ChildSpec(f"child-{number}", Worker, backoff=AT_ONCE)


def start(dispatcher: Dispatcher, kind: str, children: int) -> SupervisorRef:
    """A supervisor whose children have started."""
    specs = [spec(number) for number in range(children)]
    if kind == "DynamicSupervisor":
        top = start_supervisor(dispatcher, DynamicSupervisor(child_budget=AGAIN_AND_AGAIN))
        for first in range(0, children, AT_A_TIME):
            some = specs[first : first + AT_A_TIME]
            for started in [top.start_child(one, block=False) for one in some]:
                started.get()
        return top
    if kind == "one_for_all":
        tree = Supervisor(specs, strategy="one_for_all", child_budget=AGAIN_AND_AGAIN)
    else:
        tree = Supervisor(specs, child_budget=AGAIN_AND_AGAIN)
    return start_supervisor(dispatcher, tree)


def all_handle(refs: list[ActorRef[Any]]) -> None:
    """Wait until each has handled a message. Not asked: futures would cost more than restarts."""
    latch = Latch(len(refs))
    for ref in refs:
        ref.tell(latch)
    latch.event.wait()


def crash(crashing: list[ActorRef[Any]], everybody: list[ActorRef[Any]]) -> None:
    """Have some crash; until all that are restarted handle messages again, and all others, too."""
    for ref in crashing:
        ref.tell(CRASH)
    all_handle(crashing)  # by now, all that go down with them have ended
    all_handle(everybody)


def life_of(dispatcher: Dispatcher, kind: str, children: int) -> Figures:
    """Milliseconds of each phase, and KiB for each child."""
    before = resident()
    watch = Stopwatch()
    top = start(dispatcher, kind, children)
    watch.lap("start")
    memory = (resident() - before) / children
    infos = top.which_children()
    refs = [info.ref for info in infos if info.ref is not None]
    assert len(refs) == children
    times = WHOLE_CRASHES if kind == "one_for_all" else 1
    crashing = refs[:1] if kind == "one_for_all" else refs[::10]
    watch.start()
    for _ in range(times):
        crash(crashing, refs)
    watch.lap("crash", times)
    restarted = set(refs if kind == "one_for_all" else crashing)
    for info in top.which_children():
        assert info.state == "running", info
        assert info.incarnation == (times + 1 if info.ref in restarted else 1), info
    watch.start()
    top.stop()
    watch.lap("stop")
    return {**watch.figures, "memory": memory}


def mean(runs: list[Figures]) -> Figures:
    return {key: statistics.fmean(run[key] for run in runs) for key in runs[0]}


def median(runs: list[Figures]) -> Figures:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def latencies(count: int, prepare: Callable[[], object], ref: ActorRef[Any]) -> list[float]:
    """Microseconds until an answer, each after one `prepare`, which counts."""
    taken: list[float] = []
    for number in range(count):
        begun = time.perf_counter()
        prepare()
        ref.ask(number)
        taken.append((time.perf_counter() - begun) * 1e6)
    return taken


def latency_of(dispatcher: Dispatcher, count: int) -> Figures:
    top = start(dispatcher, "Supervisor", 1)
    ref = top.child("child-0")
    latencies(100, lambda: ref.tell(CRASH), ref)  # what is only done once
    plain = latencies(count, lambda: None, ref)
    restarted = latencies(count, lambda: ref.tell(CRASH), ref)
    assert top.which_children()[0].incarnation == count + 101
    top.stop()
    figures: Figures = {}
    for name, taken in (("answer", plain), ("restart", restarted)):
        figures[f"{name} p50"] = statistics.median(taken)
        figures[f"{name} p99"] = statistics.quantiles(taken, n=100)[-1]
    return figures


def play(kind: str, size: int, times: int) -> None:
    """One round, in a process of its own."""
    log = logging.getLogger("actorch")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    with Dispatcher("perf") as dispatcher:
        if kind == "latency":
            figures = latency_of(dispatcher, size)
        else:
            life_of(dispatcher, kind, min(size, 100))
            lives = [life_of(dispatcher, kind, size) for _ in range(times)]
            figures = mean(lives) | {"memory": lives[0]["memory"]}  # later ones find it there
    print(json.dumps(figures))


def run_round(kind: str, size: int, times: int = 1) -> Figures:
    done = subprocess.run(
        [sys.executable, __file__, "--play", kind, str(size), str(times)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(done.stdout)
    return figures


def measure_latency(crashes: int, rounds: int) -> Figures:
    print("latency ...", file=sys.stderr, flush=True)
    return median([run_round("latency", crashes) for _ in range(rounds)])


def measure_growth(kind: str, size: int, rounds: int) -> dict[str, Figures]:
    """Medians of the small and the large one, and of how many times the time the large one took."""
    runs: dict[str, list[Figures]] = {"small": [], "large": [], "ratio": []}
    for number in range(rounds):
        print(f"{kind}, round {number + 1} of {rounds} ...", file=sys.stderr, flush=True)
        small, large = run_round(kind, size, TIMES), run_round(kind, size * TIMES)
        runs["small"].append(small)
        runs["large"].append(large)
        runs["ratio"].append({key: large[key] / small[key] for key in COLUMNS})
    return {name: median(got) for name, got in runs.items()}


def judge(growth: dict[str, dict[str, Figures]]) -> list[tuple[str, float, bool]]:
    """For each phase of each kind: its words, how many times the time, whether that is enough."""
    return [
        (
            f"{kind}: {key}, at most {MOST:g} times for {TIMES} times the children",
            ratio,
            ratio <= MOST,
        )
        for kind, figures in growth.items()
        for key, ratio in figures["ratio"].items()
    ]


def show(latency: Figures, growth: dict[str, dict[str, Figures]], part: int) -> None:
    print(f"\n{'microseconds':<20}{'p50':>9}{'p99':>9}")
    for name, words in (("restart", "crash to answer"), ("answer", "a plain answer")):
        print(f"{words:<20}{latency[f'{name} p50']:>9.0f}{latency[f'{name} p99']:>9.0f}")
    print(f"\n{'milliseconds':<18}{'children':>9}", *(f"{name:>11}" for name in COLUMNS), end="")
    print(f"{'KiB each':>10}")
    for kind, figures in growth.items():
        for name, size in (("small", KINDS[kind] // part), ("large", KINDS[kind] * TIMES // part)):
            cells = [f"{figures[name][key]:11.1f}" for key in COLUMNS]
            memory = f"{figures[name]['memory']:10.1f}" if size >= 1_000 else f"{'-':>10}"
            print(f"{kind:<18}{size:>9,}", *cells, memory)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="fewer children, one round")
    parser.add_argument("--json", action="store_true", help="figures only, as one document")
    parser.add_argument("--play", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        play(options.play[0], int(options.play[1]), int(options.play[2]))
        return 0
    part, rounds = (10, 1) if options.quick else (1, options.rounds)
    latency = measure_latency(CRASHES // part, rounds)
    growth = {kind: measure_growth(kind, size // part, rounds) for kind, size in KINDS.items()}
    verdicts = judge(growth)
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    if options.json:
        print(
            json.dumps(
                {"machine": machine, "latency": latency, "growth": growth, "targets": verdicts}
            )
        )
    else:
        print(machine)
        show(latency, growth, part)
        print()
        for words, reached, held in verdicts:
            print(f"{'held' if held else 'MISSED':>6}  {reached:6.1f}  {words}")
    return 0 if options.quick or all(held for _words, _reached, held in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
