"""Whatever the shape of a tree, and whatever happens to it: nobody survives."""

import faulthandler
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from matrix import EVENTS, SHAPES, Cell, run_cell, table
from trees import Tree

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

AT_ONCE = 8
"""Cells that run at the same time; they mostly wait."""

TRIES = 3
"""How often a cell may be too late, if it leaves nobody."""

CELLS = [
    pytest.param(shape, event, id=f"{shape} - {event}") for shape in SHAPES for event in EVENTS
]


class Matrix:
    """The cells that are asked for, and a plugin that shows them in the end."""

    def __init__(self, directory):
        self._directory = directory
        self._cells = {}

    def run(self, keys):
        by_event = sorted(keys, key=lambda key: list(EVENTS).index(key[1]))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            self._cells = dict(zip(by_event, pool.map(self._cell, by_event), strict=True))

    def _cell(self, key, name="{} - {}"):
        directory = os.path.join(self._directory, name.format(*key))
        return run_cell(*key, directory)

    def settled(self, shape, event):
        """The cell. One that was only late is run again, alone: the machine was busy."""
        cell = self._cells[shape, event]
        for number in range(2, TRIES + 1):
            if cell.problem or cell.survivors or cell.seconds <= EVENTS[event].bound:
                break
            cell = self._cells[shape, event] = self._cell((shape, event), f"{{}} - {{}}, {number}")
        return cell

    def pytest_terminal_summary(self, terminalreporter):
        terminalreporter.section("survivors, and seconds until the last one was gone")
        rows = {
            shape: [self._cells.get((shape, event), "") for event in EVENTS] for shape in SHAPES
        }
        for line in table("tree", EVENTS, rows):
            terminalreporter.write_line(line)


@pytest.fixture(scope="module")
def matrix(request, tmp_path_factory):
    """All cells at once: one after the other, they would take minutes."""
    faulthandler.cancel_dump_traceback_later()  # on a busy machine this takes longer, as it may
    matrix = Matrix(tmp_path_factory.mktemp("matrix"))
    mine = [item for item in request.session.items if item.path == request.path]
    params = [item.callspec.params for item in mine if hasattr(item, "callspec")]
    matrix.run([(one["shape"], one["event"]) for one in params])
    request.config.pluginmanager.register(matrix)
    return matrix


@pytest.mark.parametrize(("shape", "event"), CELLS)
def test_nobody_survives(matrix, shape, event):
    cell = matrix.settled(shape, event)
    assert cell == Cell(0, cell.seconds, None)
    assert cell.seconds <= EVENTS[event].bound


def test_those_that_hop_from_pid_to_pid_are_counted(tmp_path):
    tree = Tree(SHAPES["three fork-hoppers"], tmp_path)
    with subprocess.Popen(tree.command(), start_new_session=True) as leader:
        tree.wait_until_ready()
        leader.kill()
    survivors, seconds = tree.outlive(time.monotonic(), 0.3)
    tree.clear()
    assert survivors >= 1
    assert seconds > 0.3
    assert tree.survivors() == 0
