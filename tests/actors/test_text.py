"""Agent output is shown without any control sequence, whatever it holds."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.actors._text import current_line, printable, split_lines


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hcleared", "cleared"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;aGVsbG8=\x1b\\clip", "clip"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mC1", "C1"),
        ("a\tb", "a    b"),
        ("a\x00b\x08c\x7fd", "abcd"),
        ("left\u202eright", "leftright"),
        ("ünï çødé 🙂", "ünï çødé 🙂"),
        ("\x1bcreset", "reset"),
        ("unfinished \x1b[", "unfinished "),
        ("unfinished \x1b]0;never ends", "unfinished "),
    ],
)
def test_control_sequences_are_removed_and_text_is_kept(raw, shown):
    assert printable(raw) == shown


@given(st.text())
def test_no_text_gets_a_control_character_through(text):
    shown = printable(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in shown)
    shown.encode("utf-8")


@given(st.binary())
def test_no_bytes_make_the_current_line_raise_or_emit_a_control_character(data):
    shown = current_line(data)
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in shown)


def test_a_progress_bar_shows_its_last_state():
    assert current_line(b"10%\r50%\r100%\r") == "100%"
    assert current_line(b"10%\r50%\r   ") == "50%"


def test_lines_are_split_at_newlines_only():
    assert split_lines(b"a\x0bb\x0cc\xe2\x80\xa8d\re\nf") == [b"a\x0bb\x0cc\xe2\x80\xa8d\re", b"f"]


def test_a_last_line_without_newline_counts_and_an_empty_one_does_not():
    assert split_lines(b"a\nb") == [b"a", b"b"]
    assert split_lines(b"a\nb\n") == [b"a", b"b"]
    assert split_lines(b"") == []
