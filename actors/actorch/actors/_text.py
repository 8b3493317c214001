"""Agent output as text that is safe to show: no control sequence ever reaches a terminal."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["current_line", "printable", "split_lines"]

_SEQUENCES: Final = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]"  # CSI: cursor, colour, erase (ECMA-48 5.4)
    "|\x1b[P\\]X^_].*?(?:\x07|\x1b\\\\|\x9c|$)"  # DCS, OSC, SOS, PM, APC up to their end
    "|\x9b[0-?]*[ -/]*[@-~]"  # the same CSI as one C1 character
    "|[\x90\x9d\x98\x9e\x9f].*?(?:\x07|\x1b\\\\|\x9c|$)"
    "|\x1b[ -/]*[0-~]?",  # any other escape
    re.DOTALL,
)
_CONTROLS: Final = {
    **dict.fromkeys((*range(32), *range(127, 160))),
    0x09: "    ",
    0x200E: None,
    0x200F: None,
    0x2028: " ",
    0x2029: " ",
    **dict.fromkeys((*range(8234, 8239), *range(8294, 8298))),
}


def printable(text: str) -> str:
    """One line of agent output with nothing in it but text.

    Control sequences (cursor, colour, clipboard, window title), control characters and the marks
    that turn the direction of writing are removed; a tab becomes four spaces.
    """
    if "\x1b" in text or not text.isascii():
        text = _SEQUENCES.sub("", text)
    return text if text.isprintable() else _lone_surrogates(text.translate(_CONTROLS))


def _lone_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def current_line(data: bytes) -> str:
    r"""What a terminal would show of a line in which ``\r`` went back to its start."""
    parts = [part for part in data.rstrip(b"\r").split(b"\r") if part.strip()]
    return printable((parts[-1] if parts else b"").decode("utf-8", "replace"))


def split_lines(data: bytes) -> list[bytes]:
    r"""Split at ``\n`` and nowhere else; a last line without one counts, an empty one does not."""
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]
