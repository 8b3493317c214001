"""`actorch send`: words for an agent that runs."""

from __future__ import annotations

from typing import Final

import click

from ._exit_codes import OK
from ._shared_options import state_dir_option

__all__ = ["send"]

_HELP: Final = """Write to the standard input of an agent that runs and has stdin = "open".

\b
    actorch send last assistant "first question"
    actorch send review assistant < questions.txt

RUN is the id of a run, the beginning of one, the name of a run (the newest one of that name), or
last, for the newest of all. TEXT is written with a newline after it; without TEXT, what stands on
standard input is written as it is. Words that look like options go after --.

It returns once everything is written; an agent that reads slowly is waited for. If the agent does
not run, or has closed its standard input, the exit code is 1.
"""


@click.command(help=_HELP)
@click.argument("run")
@click.argument("agent")
@click.argument("text", required=False)
@click.option("-n", "--no-newline", is_flag=True, help="No newline after TEXT.")
@state_dir_option()
def send(run: str, agent: str, text: str | None, no_newline: bool, state_dir: str | None) -> int:
    """Read the options; the help is `_HELP`, where a backspace keeps lines apart."""
    from ._send import send_input, send_text

    if text is None:
        send_input(state_dir, run, agent)
    else:
        send_text(state_dir, run, agent, text if no_newline else f"{text}\n")
    return OK
