"""The matrix: shapes of trees, what happens to them, and how many survive it."""

from collections.abc import Callable
from dataclasses import dataclass

import matrix_events as events
from trees import Tree


@dataclass(frozen=True)
class Shape:
    """A tree: the program that makes it, and what it is once it is complete.

    Attributes:
        name: for people.
        program: makes it, with these `words`.
        count: how many sign in.
        stops: whether all of them stop themselves.
        leaves: whether the leader has ended.
    """

    name: str
    program: str
    words: tuple[str, ...] = ()
    count: int = 2
    stops: bool = False
    leaves: bool = False


@dataclass(frozen=True)
class Event:
    """What happens, and the seconds within which nobody is left of any tree."""

    name: str
    context: Callable
    bound: float


@dataclass(frozen=True)
class Cell:
    """What became of one tree: how many survived, and after how long the last one was gone."""

    survivors: int
    seconds: float
    problem: str | None = None

    def __str__(self):
        return f"{self.survivors} ({self.seconds:.1f} s)" + "!" * bool(self.problem)


ENDED = 0.5 + 1.0
"""The grace that the agents give, or the second that leftovers have, and some more."""
DIED = 3.0

SHAPES = {
    shape.name: shape
    for shape in (
        Shape("children in the group", "polite_leader.py", ("stays.py",)),
        Shape("a child ignores SIGTERM", "polite_leader.py"),
        Shape("child in a session of its own", "polite_leader.py", ("setsid", "stays.py")),
        Shape("child in a group of its own", "polite_leader.py", ("setpgid", "stays.py")),
        Shape("stubborn child in a session", "polite_leader.py", ("setsid",)),
        Shape("daemon, no environment", "daemon.py", ("leader",)),
        Shape("leader gone, stubborn child", "leaves.py", ("75", "stubborn.py"), 1, leaves=True),
        Shape("three fork-hoppers", "hoppers.py", ("3",), 1),
        Shape("50 deep", "chain.py", ("50",), 50),
        Shape("200 children", "crowd.py", ("200",), 201),
        Shape("stopped", "stopped.py", ("child",), 2, stops=True),
        Shape("actorch in actorch", "nested.py", (), 3),
    )
}

EVENTS = {
    event.name: event
    for event in (
        Event("stop agent", events.stop_agent, ENDED),
        Event("stop run", events.stop_run, ENDED),
        Event("timeout", events.time_out, ENDED),
        Event("exits", events.exit_by_itself, ENDED),
        Event("restart", events.restart, ENDED),
        Event("app returns", events.app_ends("returns"), DIED),
        Event("app raises", events.app_ends("raises"), DIED),
        Event("app _exit", events.app_ends("exits"), DIED),
        Event("kill app", events.kill_app, DIED),
        Event("kill shim", events.kill_owner(1), DIED),
        Event("kill keeper", events.kill_owner(0), DIED),
        Event("kill all, gc", events.kill_all, DIED),
    )
}


def run_cell(shape, event, directory):
    """Let an event happen to a tree; whoever survives is counted, and killed."""
    tree = Tree(SHAPES[shape], directory)
    try:
        with EVENTS[event].context(tree) as began:
            try:
                survivors, seconds = tree.outlive(began)
            finally:
                tree.clear()
    except Exception as error:
        tree.clear()
        return Cell(tree.survivors(), 0.0, f"{type(error).__name__}: {error}")
    return Cell(survivors, seconds, tree.problem)


def table(corner, columns, rows):
    """Markdown; `rows` are lists of cells by their first one."""
    lines = [[corner, *columns], ["---"] * (len(columns) + 1)]
    lines += [[name, *map(str, cells)] for name, cells in rows.items()]
    return ["| " + " | ".join(line) + " |" for line in lines]
