"""`actorch logs`: what agents printed, and what they go on printing."""

from __future__ import annotations

from typing import Any, Final

import click

from ._exit_codes import CLOSED, OK
from ._shared_options import color_option, state_dir_option

__all__ = ["logs"]

_HELP: Final = """Show what the agents of a run have printed; with -f, also what is still to come.

\b
    actorch logs last
    actorch logs -f last lint
    actorch logs -n 20 --stderr review
    actorch logs --raw 20261125-1830 lint > lint.txt

RUN is the id of a run, the beginning of one, the name of a run (the newest one of that name), or
last, for the newest of all. Without AGENT, every agent of it is shown, in the order of the fleet.

An agent's standard output comes first, then its standard error: two files do not tell in which
order they were written. Several agents get a prefix, "name │ " for standard output and "name ║ "
for standard error; a single agent gets none. Only the last attempt is shown, unless --attempt says
otherwise. Control sequences are left out, colours only where there are none; --raw copies every
byte.

With -f, output is shown as it comes, also that of further attempts, until the agents have ended or
whoever runs them is dead. Words that look like options go after --. Nothing is written anywhere.
"""


@click.command(help=_HELP)
@click.argument("run")
@click.argument("agents", nargs=-1, metavar="[AGENT]...")
@click.option("-f", "--follow", is_flag=True, help="Go on until the agents have ended.")
@click.option(
    "-n", "--tail", metavar="N", help="Only the last N lines of each file; 0 for what is new."
)
@click.option(
    "--since",
    metavar="TIME",
    help="Leave out attempts that ended, and files that were last written to, before that: a "
    "duration such as 10m, or a time such as 2026-11-25T18:30. Lines have no times of their own.",
)
@click.option(
    "-t",
    "--timestamps",
    is_flag=True,
    help="Begin lines with the time at which their file was last written to when they were read: "
    "with -f the time they came, else the same for all lines of a file.",
)
@click.option("--stdout", is_flag=True, help="Only standard output.")
@click.option("--stderr", is_flag=True, help="Only standard error.")
@click.option(
    "--attempt",
    metavar="N|all",
    help="That attempt, or every one; the default is the last, and with -f those that follow.",
)
@click.option("--raw", is_flag=True, help="The bytes as they are; no prefix, nothing left out.")
@color_option()
@state_dir_option()
def logs(**values: Any) -> int:
    """Read the options; the help is `_HELP`, where a backspace keeps lines apart."""
    from ._log_options import log_options
    from ._logs import show_logs

    try:
        show_logs(log_options(**values))
    except BrokenPipeError:  # click would make it a plain 1
        return CLOSED
    return OK
