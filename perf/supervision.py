"""What supervision costs: how soon a child is back, and whether many children cost no more each.

    python perf/supervision.py                # medians of 5 rounds, up to 10 000 children
    python perf/supervision.py --quick        # a tenth of the children, one round, nothing judged
    python perf/supervision.py --json

Restart latency: a child without backoff is told to crash and asked at once; the question waits for
the next incarnation, whose answer ends the measurement. A plain answer stands beside it, for scale.

Children: under a `Supervisor` and a `DynamicSupervisor`, all start, one in ten crashes until all
answer again, and all are stopped; under "one_for_all", one crashes, ten times in a row. Memory is
resident memory, with the specs. Processor time is that of the whole process, user and system; what
is only done once is done before. Each round runs in an interpreter of its own, small and large in
turn. Crashes are reported to a handler that drops them: a log would be most of what is measured.

Target: ten times the children take at most 12 times the time, in each phase, of the processor and
on the clock. Exits 1 if it is missed.
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
"""With the smaller number of children; the larger is ten times that."""

PHASES = ("start", "crash", "stop")
CRASHES = 3_000
WHOLE_CRASHES = 10
"""In a row, where each restarts everybody: one alone is too short to be measured."""

MOST = 12.0
AT_ONCE = RestartBackoff(min=0, jitter="none")
AGAIN_AND_AGAIN = Budget(1_000_000)
CRASH = object()

Figures = dict[str, float]


class Worker(Actor):
    """Answers; or crashes, if that is what it is told."""

    def on_receive(self, message: object) -> object:
        if message is CRASH:
            raise RuntimeError("as told")
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
        for started in [top.start_child(one, block=False) for one in specs]:
            started.get()
        return top
    if kind == "one_for_all":
        tree = Supervisor(specs, strategy="one_for_all", child_budget=AGAIN_AND_AGAIN)
    else:
        tree = Supervisor(specs, child_budget=AGAIN_AND_AGAIN)
    return start_supervisor(dispatcher, tree)


def answers(refs: list[ActorRef[Any]]) -> None:
    for answer in [ref.ask(0, block=False) for ref in refs]:
        answer.get()


def crash(crashing: list[ActorRef[Any]], everybody: list[ActorRef[Any]]) -> None:
    """Have some crash; until all that are restarted answer again, and all others, too."""
    for ref in crashing:
        ref.tell(CRASH)
    answers(crashing)  # by now, those that go down with them have: none answers that is to go yet
    answers(everybody)


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


def latencies(count: int, prepare: Callable[[], object], ref: ActorRef[Any]) -> list[float]:
    """Microseconds until an answer, each after one `prepare`, which counts."""
    taken: list[float] = []
    for number in range(count):
        begun = time.perf_counter()
        prepare()
        ref.ask(number)
        taken.append((time.perf_counter() - begun) * 1e6)
    return taken


def latency(dispatcher: Dispatcher, count: int) -> Figures:
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


def play(kind: str, size: int) -> None:
    """One round, in a process of its own."""
    log = logging.getLogger("actorch")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    with Dispatcher("perf") as dispatcher:
        if kind == "latency":
            figures = latency(dispatcher, size)
        else:
            life_of(dispatcher, kind, min(size, 100))
            figures = life_of(dispatcher, kind, size)
    print(json.dumps(figures))


def run_round(kind: str, size: int) -> Figures:
    done = subprocess.run(
        [sys.executable, __file__, "--play", kind, str(size)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(done.stdout)
    return figures


def measure(cases: list[tuple[str, int]], rounds: int) -> list[tuple[str, int, Figures]]:
    """Medians of each case, which take turns."""
    runs: list[list[Figures]] = [[] for _ in cases]
    for number in range(rounds):
        print(f"round {number + 1} of {rounds} ...", file=sys.stderr, flush=True)
        for case, got in zip(cases, runs, strict=True):
            got.append(run_round(*case))
    return [
        (*case, {key: statistics.median(run[key] for run in got) for key in got[0]})
        for case, got in zip(cases, runs, strict=True)
    ]


def judge(results: list[tuple[str, int, Figures]]) -> list[tuple[str, float, bool]]:
    """For each phase of each kind: its words, how many times the time, whether that is enough."""
    verdicts: list[tuple[str, float, bool]] = []
    for kind in KINDS:
        small, large = (figures for name, _size, figures in results if name == kind)
        for phase in PHASES:
            for what in ("cpu", "wall"):
                ratio = large[f"{phase} {what}"] / small[f"{phase} {what}"]
                words = f"{kind}: {phase}, {what}, at most {MOST:g} times for 10 times the children"
                verdicts.append((words, ratio, ratio <= MOST))
    return verdicts


def show(results: list[tuple[str, int, Figures]]) -> None:
    figures = results[0][2]
    print(f"\n{'microseconds':<20}{'p50':>9}{'p99':>9}")
    for name, words in (("restart", "crash to answer"), ("answer", "a plain answer")):
        print(f"{words:<20}{figures[f'{name} p50']:>9.0f}{figures[f'{name} p99']:>9.0f}")
    columns = [f"{phase} {what}" for phase in PHASES for what in ("cpu", "wall")]
    print(f"\n{'milliseconds':<18}{'children':>9}", *(f"{name:>11}" for name in columns), end="")
    print(f"{'KiB each':>10}")
    for kind, size, figures in results[1:]:
        cells = [f"{figures[name]:11.1f}" for name in columns]
        memory = f"{figures['memory']:10.1f}" if size >= 1_000 else f"{'-':>10}"
        print(f"{kind:<18}{size:>9,}", *cells, memory, sep="")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="fewer children, one round")
    parser.add_argument("--json", action="store_true", help="figures only, as one document")
    parser.add_argument("--play", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        play(options.play[0], int(options.play[1]))
        return 0
    part = 10 if options.quick else 1
    cases = [("latency", CRASHES // part)]
    for kind, size in KINDS.items():
        cases += [(kind, size // part), (kind, size * 10 // part)]
    results = measure(cases, 1 if options.quick else options.rounds)
    verdicts = judge(results)
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    if options.json:
        print(json.dumps({"machine": machine, "results": results, "targets": verdicts}))
    else:
        print(machine)
        show(results)
        print()
        for words, reached, held in verdicts:
            print(f"{'held' if held else 'MISSED':>6}  {reached:6.1f}  {words}")
    return 0 if options.quick or all(held for _words, _reached, held in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
