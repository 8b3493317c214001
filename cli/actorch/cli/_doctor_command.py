"""`actorch doctor`: what this machine can do for agents, and what it cannot, and why."""

from __future__ import annotations

import sys

import click

from ._exit_codes import NOT_MET, OK
from ._shared_options import json_option, state_dir_option

__all__ = ["doctor"]

_HELP = """Look over this machine: how agents can be isolated and limited here, and why not better.

It runs an agent that leaves a process behind, in a directory of its own, and looks whether that was
ended. Exits with 1 if anything is not as it must be; what is merely not available is said with the
reason, and is no error.
"""


@click.command(help=_HELP)
@json_option()
@state_dir_option()
def doctor(as_document: bool, state_dir: str | None) -> int:
    """Read the options; the help is `_HELP`."""
    from ._diagnosis import diagnose, document, text

    checks = diagnose(state_dir)
    sys.stdout.write(document(checks) if as_document else text(checks))
    return NOT_MET if any(check.status == "wrong" for check in checks) else OK
