"""What `actorch gc` has found and done, for people and for machines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actorch.actors._shown import one_line
from actorch.actors._sizes import size_text
from actorch.actors._text import printable
from actorch.supervisors._garbage import Garbage

from ._columns import columns, padded
from ._json import as_json, moment

__all__ = ["document", "text"]


def document(found: Garbage) -> str:
    """JSON."""
    values: dict[str, object] = {
        "state_dir": found.state_dir,
        "collected": found.collected,
        "processes": [
            {
                "pid": one.pid,
                "run": one.attempt.run_id,
                "agent": one.attempt.agent,
                "attempt": one.attempt.number,
                "told_by": one.told_by,
                "command": one.command,
            }
            for one in found.leftovers
        ],
        "interrupted": list(found.interrupted),
        "runs": [
            {
                "run": run.id,
                "name": run.name,
                "state": run.state,
                "ended": moment(run.ended),
                "bytes": run.size,
            }
            for run in found.pruned
        ],
        "killed": found.killed,
        "unseen": list(found.unseen),
        "survivors": [f"{one.pid}: {one.reason}" for one in found.survivors],
    }
    return as_json(values, pretty=True) + "\n"


def text(found: Garbage) -> str:
    """Lines, a table for each kind of garbage, and what comes next."""
    if found.empty:
        return f"nothing to collect in {found.state_dir}\n" + _unseen(found)
    parts = [_processes(found), _interrupted(found), _old(found), _unseen(found), _end(found)]
    return "".join(parts)


def _processes(found: Garbage) -> str:
    if not found.leftovers:
        return ""
    rows = [
        (
            str(one.pid),
            one.attempt.run_id,
            f"{one.attempt.agent}, attempt {one.attempt.number}",
            one.told_by,
            one_line(printable(one.command), 100),
        )
        for one in found.leftovers
    ]
    head = ("pid", "run", "agent", "told by", "command")
    return "processes that runs left when they crashed\n" + _table([head, *rows])


def _interrupted(found: Garbage) -> str:
    if not found.interrupted:
        return ""
    title = "interrupted" if found.collected else "to be marked as interrupted"
    return f"runs whose actorch is dead, {title}\n" + _table([(one,) for one in found.interrupted])


def _old(found: Garbage) -> str:
    if not found.pruned:
        return ""
    rows = [
        (run.id, run.state, moment(run.ended)[:10], size_text(run.size), printable(run.name))
        for run in found.pruned
    ]
    total = size_text(sum(run.size for run in found.pruned))
    head = ("run", "state", "ended", "size", "name")
    return f"old runs, {total} in all\n" + _table([head, *rows])


def _unseen(found: Garbage) -> str:
    if not found.unseen:
        return ""
    title = "runs of another pid namespace, which only an actorch in there can judge\n"
    return title + _table([(one,) for one in found.unseen])


def _end(found: Garbage) -> str:
    if not found.collected:
        return "nothing was done; actorch gc -y ends and deletes all of this\n"
    runs = f"{len(found.pruned)} {'run' if len(found.pruned) == 1 else 'runs'} deleted"
    processes = f"{found.killed} {'process' if found.killed == 1 else 'processes'} ended"
    lines = [f"{runs}, {processes}\n"]
    lines += [f"still there: {one.pid} ({one.reason})\n" for one in found.survivors]
    return "".join(lines)


def _table(rows: Iterable[Sequence[str]]) -> str:
    lines = list(rows)
    widths = [max(map(columns, column)) for column in zip(*lines, strict=True)]
    texts = ("  ".join(map(padded, line, widths)).rstrip() for line in lines)
    return "".join(f"  {text}\n" for text in texts)
