"""Sizes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.actors._sizes import LARGEST, parse_size, size_text
from specs import JUNK, label, refused, unless_refused


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (1, 1),
        ("1", 1),
        ("1048576", 1 << 20),
        ("512M", 512 << 20),
        ("512 m", 512 << 20),
        ("1.5G", 3 << 29),
        ("2GiB", 2 << 30),
        ("2GB", 2 << 30),
        ("10k", 10 << 10),
        ("1T", 1 << 40),
        ("100B", 100),
        (" 7K ", 7 << 10),
    ],
)
def test_a_size_is_a_number_with_a_unit_or_without(text, size):
    assert parse_size("key", text) == size


@pytest.mark.parametrize("value", ["", "x", "1X", "-1M", "1e3", "0", 0, -1, "M", "1 0", "1.M", "٣"])
def test_what_is_no_size_is_refused(value):
    assert "must be a size such as 1048576, 512M or 1.5G" in refused(parse_size, "key", value)


@pytest.mark.parametrize("value", ["2000T", LARGEST + 1, "99999999999999999999"])
def test_what_no_machine_has_is_refused(value):
    refused(parse_size, "key", value)


@pytest.mark.parametrize("value", JUNK, ids=label)
def test_junk_is_refused_with_one_line(value):
    found = unless_refused(parse_size, "key", value)
    assert found is None or found == value


@given(st.text())
def test_any_text_is_a_size_or_refused(text):
    found = unless_refused(parse_size, "key", text)
    assert found is None or 1 <= found <= LARGEST


@given(st.integers(1, LARGEST))
def test_a_size_is_shown_short_and_about_right(size):
    number, _, unit = size_text(size).partition(" ")
    small = {"byte": 1, "bytes": 1}
    factor = {**small, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[unit]
    assert abs(float(number) * factor - size) <= size * 0.01
    assert len(number) <= 5


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1, "1 byte"),
        (900, "900 bytes"),
        (512 << 20, "512 MiB"),
        (3 << 29, "1.5 GiB"),
        (1 << 40, "1 TiB"),
    ],
)
def test_sizes_read_like_this(size, text):
    assert size_text(size) == text
