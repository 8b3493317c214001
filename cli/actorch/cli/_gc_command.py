"""`actorch gc`: what crashed runs left running, and finished runs that nobody needs."""

from __future__ import annotations

import sys

import click

from ._exit_codes import NOT_MET, OK
from ._shared_options import json_option, state_dir_option

__all__ = ["gc"]

_HELP = """List what runs that crashed have left running, and runs that are old; with -y, end and
delete it.

\b
    actorch gc
    actorch gc -y
    actorch gc -y --older-than 7d --max-size 2G

Nothing is left when actorch is killed: its keeper and its shims end what it ran. Only when all of
them are killed at once, processes may stay. They are told by the brand that each process of an
agent carries, by the variables it was given, or by pid and start time together; never by a pid
alone. Each gets SIGTERM, and SIGKILL a second later.

Runs whose owner is dead are marked interrupted. The files and rows of finished runs are deleted by
age and size, the oldest first; runs that go on are never touched.
"""


@click.command(help=_HELP)
@click.option("-y", "--yes", is_flag=True, help="Do it; without this, it is only listed.")
@click.option(
    "--older-than",
    default="30d",
    show_default=True,
    metavar="DURATION",
    help="Delete finished runs of that age; 'none' keeps them.",
)
@click.option(
    "--max-size",
    default="none",
    show_default=True,
    metavar="SIZE",
    help="Delete the oldest finished runs until the others take no more; or 'none'.",
)
@json_option()
@state_dir_option()
def gc(yes: bool, older_than: str, max_size: str, as_document: bool, state_dir: str | None) -> int:
    """Read the options; the help is `_HELP`."""
    from actorch.actors._durations import DURATION, parse_duration
    from actorch.actors._sizes import SIZE, parse_size
    from actorch.supervisors._garbage import collect_garbage

    from ._garbage_report import document, text

    age = what = None
    if older_than.strip() != "none":
        what = f"{DURATION}, or none"
        age = parse_duration("--older-than", older_than, zero=True, what=what)
    size = None
    if max_size.strip() != "none":
        size = parse_size("--max-size", max_size, what=f"{SIZE}, or none")
    found = collect_garbage(state_dir, older_than=age, max_size=size, dry_run=not yes)
    sys.stdout.write(document(found) if as_document else text(found))
    return NOT_MET if found.survivors else OK
