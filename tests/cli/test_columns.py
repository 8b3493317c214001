"""Texts side by side: as wide as a terminal shows them."""

import pytest

from actorch.cli._columns import columns, padded, prefix, prefix_width


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("äöü", 3), ("日本語", 6), ("\uff21", 2), ("e\u0301", 1), ("🙂", 2)],
)
def test_a_text_takes_as_many_columns_as_a_terminal_gives_it(text, width):
    assert columns(text) == width


def test_texts_are_filled_up_on_either_side():
    assert [padded("日", 4), padded("日", 4, right=True), padded("long", 2)] == [
        "日  ", "  日", "long",
    ]  # fmt: skip


def test_prefixes_are_as_wide_as_the_widest_name_up_to_a_limit():
    assert prefix_width([]) == 0
    assert prefix_width(["a", "日本語"]) == 6
    assert prefix_width(["a" * 100]) == 24
    lines = [prefix(name, 6, "│", colour=False) for name in ("a", "日本語")]
    assert lines == ["a      │", "日本語 │"]


def test_what_is_complained_is_told_by_its_mark_and_where_there_are_colours_by_red():
    assert "\x1b[31m" in prefix("a", 1, "║", colour=True)
    assert "\x1b[31m" not in prefix("a", 1, "│", colour=True)
