"""Agent output is shown without any control sequence, whatever it holds, and however it arrives."""

import os
import re
import unicodedata
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.actors import _output_file
from actorch.actors._cutter import LONGEST, LineCutter
from actorch.actors._output_file import data_start, open_output, tail_start
from actorch.actors._text import current_line, printable, split_lines

COLOUR = re.compile("\x1b\\[[0-9;:]*m")


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
        ("\ufeffmarked", "marked"),
        ("ünï çødé 🙂", "ünï çødé 🙂"),
        ("\x1bcreset", "reset"),
        ("unfinished \x1b[", "unfinished "),
        ("unfinished \x1b]0;never ends", "unfinished "),
    ],
)
def test_control_sequences_are_removed_and_text_is_kept(raw, shown):
    assert printable(raw) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[31mred\x1b[m", "\x1b[31mred\x1b[m"),
        ("\x1b[1;31mopen", "\x1b[1;31mopen\x1b[0m"),
        ("\x1b[0mé\x1b[38;2;1;2;3mrgb", "\x1b[0mé\x1b[38;2;1;2;3mrgb\x1b[0m"),
        ("\x1b[31mred\x1b[2J\x1b]0;title\x07\x1b[?25l", "\x1b[31mred\x1b[0m"),
        ("\x1b[>4;1mkeyboard \x1b[?4m\x1b[1 m", "keyboard "),
        ("\x1b\x1b]0;x\x07[31mbuilt", "[31mbuilt"),
        ("\x1b[3\x001mtorn", "31mtorn"),
    ],
)
def test_colours_are_kept_where_they_are_wanted_and_end_with_the_line(raw, shown):
    assert printable(raw, colour=True) == shown


def is_safe(shown, *, colour=False):
    text = COLOUR.sub("", shown) if colour else shown
    return not any(unicodedata.category(char) in ("Cc", "Cs") for char in text)


PARTS = ["\x1b", "[", "]", "m", "0", "31", ";", "\x07", "\\", "\x9b", "\x9d", "\x9c", "P", "\r"]
PARTS += ["é", "🙂", "\x00", "a", " ", "?", "\ud800"]
TRICKY = st.lists(st.sampled_from(PARTS)).map("".join)


@given(st.one_of(st.text(), TRICKY))
def test_no_text_gets_a_control_character_through(text):
    shown = printable(text)
    assert is_safe(shown)
    shown.encode("utf-8")


@given(st.one_of(st.text(), TRICKY))
def test_with_colours_on_nothing_but_colours_gets_through_and_none_stays_on(text):
    shown = printable(text, colour=True)
    assert is_safe(shown, colour=True)
    shown.encode("utf-8")
    colours = COLOUR.findall(shown)
    assert not colours or not colours[-1][2:-1].strip("0;")


BYTES = st.one_of(
    st.binary(), st.lists(st.sampled_from([b"\x1b[1m", b"\x1b]8;;", b"\x1b\\", b"\x07", b"\xe2\x82",
    b"\xac", b"\r", b"\n", b"\x1b", b"[", b"aaaa", b"\xf0\x9f\x99\x82"])).map(b"".join)
)  # fmt: skip


@given(BYTES)
def test_no_bytes_make_the_current_line_raise_or_emit_a_control_character(data):
    assert is_safe(current_line(data))
    assert is_safe(current_line(data, colour=True), colour=True)


def test_a_progress_bar_shows_its_last_state():
    assert current_line(b"10%\r50%\r100%\r") == "100%"
    assert current_line(b"10%\r50%\r   ") == "50%"
    assert current_line(b"10%\r50%\r\x1b[K\x1b[0m") == "50%"
    assert current_line(b"10%\r\x1b[32m50%\r", colour=True) == "\x1b[32m50%\x1b[0m"


def test_lines_are_split_at_newlines_only():
    assert split_lines(b"a\x0bb\x0cc\xe2\x80\xa8d\re\nf") == [b"a\x0bb\x0cc\xe2\x80\xa8d\re", b"f"]


def test_a_last_line_without_newline_counts_and_an_empty_one_does_not():
    assert split_lines(b"a\nb") == [b"a", b"b"]
    assert split_lines(b"a\nb\n") == [b"a", b"b"]
    assert split_lines(b"") == []


# Cutting


def cuts(chunks, longest=LONGEST):
    cutter = LineCutter(longest)
    return [cut for chunk in chunks for cut in cutter.feed(chunk)] + list(cutter.end())


@given(BYTES, st.lists(st.integers(0, 60)), st.sampled_from([8, 16, LONGEST]))
def test_however_bytes_arrive_the_lines_are_the_same(data, places, longest):
    places = sorted(min(place, len(data)) for place in places)
    bounds = zip([0, *places], [*places, len(data)], strict=True)
    chunks = [data[start:end] for start, end in bounds]
    assert cuts(chunks, longest) == cuts([data], longest)


@given(BYTES.map(lambda data: data.replace(b"\r", b"").replace(b"\x1b", b"")))
def test_no_byte_of_a_text_is_lost_and_no_character_torn(data):
    found = cuts([data], 8)
    joined = b"".join(cut.data + b"\n" * cut.ended for cut in found)
    assert joined in (data, data + b"\n")
    if data.decode("utf-8", "ignore").encode() == data:
        for cut in found:
            cut.data.decode("utf-8")


def test_a_line_of_100_megabytes_comes_in_parts_and_is_never_held():
    cutter = LineCutter()
    piece = "é".encode() * (1 << 19)
    total = 0
    for _ in range(100):
        for cut in cutter.feed(piece):
            assert not cut.ended
            assert len(cut.data) <= LONGEST
            total += len(cut.data)
        assert len(cutter._rest) <= LONGEST
    (last,) = cutter.end()
    assert last.ended
    assert total + len(last.data) == 100 << 20


def test_a_text_that_terminals_do_not_show_stays_unshown_in_every_part():
    secret = b"\x1b]52;c;" + b"QUJD" * LONGEST + b"\x07after\n"
    shown = [current_line(cut.data) for cut in cuts([b"before", secret])]
    assert len(shown) > 3
    assert "".join(shown) == "beforeafter"


def test_of_a_progress_bar_without_end_only_the_last_state_is_left():
    bar = b"".join(b"%d of 100000\r" % number for number in range(100_000))
    assert len(bar) > 10 * LONGEST
    assert [current_line(cut.data) for cut in cuts([bar])] == ["99999 of 100000"]


# Files


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.1.out"


@pytest.mark.parametrize("kind", ["symlink", "fifo", "directory"])
def test_only_a_regular_file_is_opened(path, kind):
    if kind == "symlink":
        path.symlink_to(__file__)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(OSError, match=r"regular|symbolic"):
        open_output(str(path))


@given(
    st.lists(st.sampled_from([b"", b"a", b"bc" * 9])),
    st.booleans(),
    st.integers(0, 9),
    st.sampled_from([1, 3, 1 << 20]),
)
def test_the_last_lines_are_found_from_the_end(tmp_path_factory, lines, ended, count, size):
    path = tmp_path_factory.mktemp("tail") / "file"
    data = b"\n".join(lines) + b"\n" * (ended and bool(lines))
    path.write_bytes(data)
    descriptor = open_output(str(path))
    try:
        with mock.patch.object(_output_file, "READ_SIZE", size):
            start = tail_start(descriptor, count)
    finally:
        os.close(descriptor)
    whole = split_lines(data)
    assert split_lines(data[start:]) == whole[max(0, len(whole) - count) :]


def test_what_was_given_back_at_the_start_of_a_file_is_not_its_data(path):
    with path.open("wb") as file:
        file.truncate(1 << 20)
        file.seek(1 << 20)
        file.write(b"kept\n")
    descriptor = open_output(str(path))
    try:
        start = data_start(descriptor)
        if start:  # else the file system has no holes
            assert start == 1 << 20
            assert tail_start(descriptor, 100) == start
    finally:
        os.close(descriptor)
