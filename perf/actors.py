"""What an actor costs: created, told, asked, stopped, kept; beside pykka, a thread for each.

    python perf/actors.py                     # 1, 100, 1 000, 10 000 actors, medians of 5 rounds
    python perf/actors.py --quick             # up to 1 000, one round, nothing judged
    python perf/actors.py --actors 100 1000 --json

Processor time of the whole process, user and system, all threads; memory is resident memory. Each
round runs in an interpreter of its own, ours and `pykka.ThreadingActor` in turn. Told messages are
handed round robin and counted until the last is handled. Targets: telling at least 2.5 times as
cheap at 1 and 100 actors and 40 times at 1 000; creating 20 times at 10 000; 4 KiB an actor.
Exits 1 if one is missed.
"""

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Any

SIZES = (1, 100, 1_000, 10_000)
MESSAGES = 20_000
"""Told in a round, or two for each actor."""

ASKS = 2_000
OPERATIONS = ("create", "tell", "ask", "stop")
TARGETS = {("tell", 1): 2.5, ("tell", 100): 2.5, ("tell", 1_000): 40.0, ("create", 10_000): 20.0}
MOST_KIB = 4.0
CONTENDERS = ("actorch", "pykka")

Start = Callable[[], Any]


class Latch:
    """Set once it was hit `hits` times, from any threads."""

    def __init__(self, hits: int) -> None:
        self.hits = hits
        self.counter = count(1)
        self.event = threading.Event()

    def hit(self) -> None:
        if next(self.counter) == self.hits:
            self.event.set()


def on_receive(_self: object, message: object) -> object:
    if isinstance(message, Latch):
        message.hit()
    return message


def contender(name: str) -> tuple[Start, Callable[[], object]]:
    """What starts an actor, and what cleans up in the end."""
    import pykka

    if name == "pykka":
        threading_actor = type(
            "Theirs",
            (pykka.ThreadingActor,),
            {"on_receive": on_receive, "use_daemon_thread": True},
        )
        return threading_actor.start, lambda: None
    from actorch.actors._actor import Actor
    from actorch.actors._dispatcher import Dispatcher

    ours = type("Ours", (Actor,), {"on_receive": on_receive})
    dispatcher = Dispatcher("perf")
    return lambda: dispatcher.spawn(ours), dispatcher.close


def resident() -> float:
    """KiB of memory that this process has now."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


class Stopwatch:
    """Processor time between one lap and the next, in microseconds."""

    def __init__(self) -> None:
        self.last = time.process_time()

    def lap(self) -> float:
        before, self.last = self.last, time.process_time()
        return (self.last - before) * 1e6


def create(start: Start, size: int) -> list[Any]:
    """Actors that have each answered once."""
    refs = [start() for _ in range(size)]
    for answer in [ref.ask(0, block=False) for ref in refs]:
        answer.get()
    return refs


def tell(refs: list[Any], each: int) -> None:
    latch = Latch(len(refs))
    for number in range(each - 1):
        for ref in refs:
            ref.tell(number)
    for ref in refs:
        ref.tell(latch)
    latch.event.wait()


def stop(refs: list[Any]) -> None:
    for ended in [ref.stop(block=False) for ref in refs]:
        ended.get()


def round_of(start: Start, size: int) -> dict[str, float]:
    """Microseconds for each operation, KiB for each actor."""
    create_and_stop = max(1, 100 // size)
    stop(create(start, min(size, 100)))  # what is only done once
    before = resident()
    watch = Stopwatch()
    for _ in range(create_and_stop - 1):
        stop(create(start, size))
    spare = watch.lap()
    refs = create(start, size)
    created = watch.lap()
    each = max(2, MESSAGES // size)
    tell(refs, each)
    told = watch.lap()
    for number in range(ASKS):
        refs[number % size].ask(number)
    asked = watch.lap()
    memory = resident() - before
    watch.lap()
    stop(refs)
    stopped = watch.lap()
    if create_and_stop > 1:  # one alone is too short to be measured; both are in `spare`
        share = created / (created + stopped)
        created = spare * share / (create_and_stop - 1)
        stopped = spare * (1 - share) / (create_and_stop - 1)
    return {
        "create": created / size,
        "tell": told / (each * size),
        "ask": asked / ASKS,
        "stop": stopped / size,
        "memory": memory / size,
    }


def play(name: str, size: int) -> None:
    """One round of one contender, in a process of its own."""
    start, clean_up = contender(name)
    print(json.dumps(round_of(start, size)), flush=True)
    clean_up()
    os._exit(0)  # thousands of daemon threads need not be waited for


def run_round(name: str, size: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--play", name, str(size)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def measure(size: int, rounds: int) -> dict[str, dict[str, float]]:
    """Medians of each contender, which take turns."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name in CONTENDERS:
            runs[name].append(run_round(name, size))
    return {
        name: {key: statistics.median(run[key] for run in got) for key in got[0]}
        for name, got in runs.items()
    }


def judge(results: dict[int, dict[str, dict[str, float]]]) -> list[tuple[str, float, bool]]:
    """Each target that applies: its words, what was reached, whether that is enough."""
    verdicts: list[tuple[str, float, bool]] = []
    for (operation, size), least in TARGETS.items():
        if size in results:
            ours, theirs = (results[size][name][operation] for name in CONTENDERS)
            ratio = theirs / ours
            words = f"{operation} at {size:,} actors, at least {least:g} times as cheap"
            verdicts.append((words, ratio, ratio >= least))
    if 10_000 in results:
        memory = results[10_000]["actorch"]["memory"]
        verdicts.append((f"memory, at most {MOST_KIB:g} KiB an actor", memory, memory <= MOST_KIB))
    return verdicts


def show(results: dict[int, dict[str, dict[str, float]]]) -> None:
    print(f"\n{'actors':>7}  {'':8}", *(f"{name + ', us':>11}" for name in OPERATIONS), end="")
    print(f"{'KiB each':>11}")
    for size, figures in results.items():
        for name in CONTENDERS:
            cells = [f"{figures[name][key]:11.2f}" for key in OPERATIONS]
            memory = f"{figures[name]['memory']:11.1f}" if size >= 1_000 else f"{'-':>11}"
            print(f"{size:>7,}  {name:8}", *cells, memory)
        ratios = [figures["pykka"][key] / figures["actorch"][key] for key in OPERATIONS]
        print(f"{'':>7}  {'ratio':8}", *(f"{ratio:10.1f}x" for ratio in ratios))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--actors", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round, up to 1 000 actors")
    parser.add_argument("--json", action="store_true", help="figures only, as one document")
    parser.add_argument("--play", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        play(options.play[0], int(options.play[1]))
    sizes = [size for size in options.actors if size <= 1_000 or not options.quick]
    results: dict[int, dict[str, dict[str, float]]] = {}
    for size in sizes:
        print(f"measuring {size:,} actors ...", file=sys.stderr, flush=True)
        results[size] = measure(size, 1 if options.quick else options.rounds)
    verdicts = judge(results)
    if options.json:
        machine = f"{platform.machine()}, Python {platform.python_version()}"
        print(json.dumps({"machine": machine, "results": results, "targets": verdicts}))
    else:
        print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
        show(results)
        print()
        for words, reached, held in verdicts:
            print(f"{'held' if held else 'MISSED':>6}  {reached:8.1f}  {words}")
    return 0 if options.quick or all(held for _words, _reached, held in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
