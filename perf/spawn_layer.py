"""What the process layer alone costs: keeper and shims, without actors, table and journal.

    python perf/spawn_layer.py                 # 1 000 times `true`, 10 at once, beside the C loop
    python perf/spawn_layer.py --width 100

Prints agents a second, the app's CPU time for each, and the memory of a shim.
"""

import argparse
import os
import sys
import tempfile
import threading
import time

import psutil

from actorch.actors._dispatcher import Dispatcher
from actorch.actors._process import ProcessHost, Spawned, SpawnOrder

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from spawn import TRUE, compile_c


class Race:
    """Keeps `width` processes running until `count` have ended."""

    def __init__(self, host, count, width):
        null = os.open(os.devnull, os.O_RDWR)
        self.order = SpawnOrder((TRUE,), dict(os.environ), "/", null, null, null)
        self.host = host
        self.left, self.running, self.width = count, 0, width
        self.over = threading.Event()

    def start(self):
        for _ in range(self.width):
            self.next()

    def next(self):
        if self.left:
            self.left -= 1
            self.running += 1
            self.host.spawn(self.order, self.on_event)

    def on_event(self, event):
        if not isinstance(event, Spawned):
            assert event.code == 0, event
            self.running -= 1
            self.next()
            if not self.running:
                self.over.set()


def memory(processes):
    """Medians of proportional and private memory, in KiB."""
    found = {"Pss": [], "Private_Dirty": []}
    for one in processes:
        with open(f"/proc/{one.pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                name = line.split(":")[0]
                if name in found:
                    found[name].append(int(line.split()[1]))
    return {name: sorted(sizes)[len(sizes) // 2] for name, sizes in found.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--width", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    dispatcher = Dispatcher("bench")
    host = ProcessHost(dispatcher)
    with tempfile.TemporaryDirectory() as folder:
        c_loop = compile_c(folder)
        for _ in range(options.rounds):
            race = Race(host, options.count, options.width)
            cpu, begun = time.process_time(), time.perf_counter()
            dispatcher.call_soon(race.start)
            race.over.wait()
            took, cpu = time.perf_counter() - begun, time.process_time() - cpu
            line = f"actorch {options.count / took:6.0f}/s  app {cpu / options.count * 1e6:4.0f} us"
            if c_loop is not None:
                rate = options.count / c_loop(options.count, options.width)
                line += f"  C {rate:6.0f}/s  ratio {options.count / took / rate:.2f}"
            print(line, flush=True)
    (keeper,) = psutil.Process().children()
    shims = keeper.children()
    print(f"{len(shims)} shims, each", memory(shims), "KiB; the keeper", memory([keeper]))
    host.close()
    dispatcher.close()


if __name__ == "__main__":
    main()
