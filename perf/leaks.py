"""Who survives: trees of many shapes, and what happens to them, for actorch and for its peers.

    python perf/leaks.py                         # shapes x events: survivors, seconds until none
    python perf/leaks.py --peers                 # and the same trees under other tools
    python perf/leaks.py --peers --tools DIR     # look for those tools in DIR first; repeatable
    python perf/leaks.py --quick                 # four shapes

Prints Markdown. Each cell of actorch is the number of processes of the tree that still live 20
seconds after the event, or were none after so many seconds. A peer is stopped with SIGTERM, or with
its own verb if it has one, and has 10 seconds for that, and its tree 6.5 seconds more; in another
round it is killed with SIGKILL. Of fork-hoppers no scan sees all: 1 means that there are some. A
tool that is not installed is skipped and named. Whoever survives is killed after being counted.
Exits 1 if a tree of actorch has survivors.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import peers

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))

import matrix  # noqa: E402  it is found only now
from trees import Tree  # noqa: E402

QUICK = 4
Key = tuple[str, str]


class Places:
    """Directories with short names, one for each cell."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._numbers = count(1)

    def new(self) -> str:
        path = os.path.join(self._root, str(next(self._numbers)))
        os.mkdir(path)
        return path


def in_a_pool(workers: int, function: Callable[[Key], Any], keys: list[Key]) -> dict[Key, Any]:
    with ThreadPoolExecutor(workers) as pool:
        return dict(zip(keys, pool.map(function, keys), strict=True))


def of_actorch(places: Places, shapes: list[str], workers: int) -> dict[Key, matrix.Cell]:
    """Every cell of the matrix, by shape and event."""
    keys = [(shape, event) for event in matrix.EVENTS for shape in shapes]
    return in_a_pool(workers, lambda key: matrix.run_cell(*key, places.new()), keys)


def of_peers(
    places: Places, found: dict[str, str], shapes: list[str], workers: int, *, killed: bool
) -> dict[Key, str]:
    """How many survive, by peer and shape; "?" where the tool does not even start the tree."""
    by_name = {peer.name: peer for peer in peers.PEERS}

    def cell(key: Key) -> str:
        directory = places.new()
        tree = Tree(matrix.SHAPES[key[1]], directory)
        try:
            peer = by_name[key[0]]
            return str(peers.survivors(peer, found[key[0]], tree, directory, killed=killed))
        except (AssertionError, OSError) as error:
            print(f"{key[0]}, {key[1]}: {error!r}", file=sys.stderr)
            return "?"

    return in_a_pool(workers, cell, [(name, shape) for name in found for shape in shapes])


def show(title: str, lines: list[str]) -> None:
    print(f"\n{title}\n", *lines, sep="\n", flush=True)


def show_actorch(cells: dict[Key, matrix.Cell], shapes: list[str]) -> None:
    rows = {shape: [cells[shape, event] for event in matrix.EVENTS] for shape in shapes}
    show(
        "actorch: survivors (seconds until the last one was gone)",
        matrix.table("tree", [*matrix.EVENTS], rows),
    )
    for (shape, event), cell in cells.items():
        if cell.problem:
            print(f"\n`{shape} - {event}`: {cell.problem}")


def show_peers(
    places: Places,
    directories: list[str],
    shapes: list[str],
    cells: dict[Key, matrix.Cell],
    workers: int,
) -> None:
    paths = {peer.name: peers.find(peer, directories) for peer in peers.PEERS}
    found = {name: path for name, path in paths.items() if path}
    for title, event in (("after its stop", "stop run"), ("after kill -9 of the tool", "kill app")):
        killed = event == "kill app"
        others = of_peers(places, found, shapes, workers, killed=killed)
        rows: dict[str, list[Any]] = {
            name: [others[name, shape] for shape in shapes] for name in found
        }
        rows["**actorch**"] = [cells[shape, event].survivors for shape in shapes]
        show(f"Survivors {title}", matrix.table("tool", shapes, rows))
    if missing := [name for name, path in paths.items() if not path]:
        print(f"\nNot installed, so skipped: {', '.join(missing)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="measure other tools, too")
    parser.add_argument("--tools", action="append", default=[], metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="four shapes only")
    parser.add_argument("--at-once", type=int, default=6, metavar="N", help="cells; default 6")
    options = parser.parse_args()
    shapes = list(matrix.SHAPES)[: QUICK if options.quick else None]
    machine = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    print(f"{machine}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="leaks-") as root:
        places = Places(root)
        cells = of_actorch(places, shapes, options.at_once)
        show_actorch(cells, shapes)
        if options.peers:
            show_peers(places, options.tools, shapes, cells, options.at_once)
    return 0 if all(not cell.survivors and not cell.problem for cell in cells.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
