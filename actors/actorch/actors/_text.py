"""Agent output as text that is safe to show: no control sequence ever reaches a terminal.

Where colours are wanted, those that an agent chose are kept (SGR, ECMA-48 8.3.117), and end with
their line.
"""

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
_COLOUR: Final = re.compile("\x1b\\[([0-9;:]{0,60})m")
_RESET: Final = "\x1b[0m"
_CONTROLS: Final = {
    **dict.fromkeys((*range(32), *range(127, 160))),
    0x09: "    ",
    0x061C: None,
    0x200E: None,
    0x200F: None,
    0x2028: " ",
    0x2029: " ",
    0xFEFF: None,
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A))),
}
_CONTROLS_BUT_ESCAPE: Final = {key: value for key, value in _CONTROLS.items() if key != 0x1B}


def printable(text: str, *, colour: bool = False) -> str:
    """One line of agent output with nothing in it but text.

    Control sequences (cursor, clipboard, window title, links), control characters, byte order marks
    and the marks that turn the direction of writing are removed; a tab becomes four spaces.

    Args:
        text: the line.
        colour: keep colours, and end them with the line.
    """
    if "\x1b" not in text and text.isascii():
        return text if text.isprintable() else text.translate(_CONTROLS)
    if colour and (kept := _coloured(text)) is not None:
        return kept
    text = _SEQUENCES.sub("", text)
    return text if text.isprintable() else _lone_surrogates(text.translate(_CONTROLS))


def _coloured(text: str) -> str | None:
    """The same with its colours, if it has any. After the first step, no other escape is left."""
    last = ""

    def kept(found: re.Match[str]) -> str:
        nonlocal last
        if not _COLOUR.fullmatch(found[0]):
            return ""
        last = found[0]
        return last

    text = _SEQUENCES.sub(kept, text)
    if not last:
        return None
    text = _lone_surrogates(text.translate(_CONTROLS_BUT_ESCAPE))
    return text if not last[2:-1].strip("0;") else text + _RESET


def _lone_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def current_line(data: bytes, *, colour: bool = False) -> str:
    r"""What a terminal would show of a line in which ``\r`` went back to its start.

    Of a progress bar, that is its last state; one that was wiped out at its end still shows it.
    """
    if b"\r" not in data:
        return printable(data.decode("utf-8", "replace"), colour=colour)
    for part in reversed(data.split(b"\r")):
        text = part.decode("utf-8", "replace")
        if printable(text).strip():
            return printable(text, colour=colour)
    return ""


def split_lines(data: bytes) -> list[bytes]:
    r"""Split at ``\n`` and nowhere else; a last line without one counts, an empty one does not."""
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]
