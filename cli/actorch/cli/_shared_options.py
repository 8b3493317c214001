"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import click

__all__ = ["Decorator", "json_option", "state_dir_option"]

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


def state_dir_option() -> Decorator:
    """Where the files are."""
    return click.option(
        "--state-dir",
        envvar="ACTORCH_STATE_DIR",
        metavar="DIRECTORY",
        help="Where history and output are kept.",
    )


def json_option() -> Decorator:
    """For machines."""
    return click.option("--json", "as_document", is_flag=True, help="Print one JSON document.")
