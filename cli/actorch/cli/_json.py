"""JSON as every command writes it."""

from __future__ import annotations

import datetime
import json
from typing import TypeAlias

__all__ = ["Document", "as_json", "moment"]

Document: TypeAlias = dict[str, object]


def as_json(document: Document, *, pretty: bool = False) -> str:
    """One line, or with `pretty` several. ASCII only: whatever reads it, it survives."""
    return json.dumps(document, indent=2 if pretty else None)


def moment(seconds: float) -> str:
    """ISO 8601, in UTC, to the millisecond."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
