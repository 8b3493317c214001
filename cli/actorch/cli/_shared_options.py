"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import click

__all__ = ["Decorator", "color_option", "json_option", "state_dir_option"]

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


def state_dir_option() -> Decorator:
    """Where the files are."""
    return click.option(
        "--state-dir",
        envvar="ACTORCH_STATE_DIR",
        metavar="DIRECTORY",
        help="Where history and output are kept.",
    )


def color_option() -> Decorator:
    """For people who see them, and for those who do not."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        help="Colours; 'auto' asks the terminal, NO_COLOR and FORCE_COLOR.",
    )


def json_option() -> Decorator:
    """For machines."""
    return click.option("--json", "as_document", is_flag=True, help="Print one JSON document.")
