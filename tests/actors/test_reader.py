"""Bytes become the same lines however they come; a file is read once, whatever becomes of it."""

import itertools
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actorch.actors import _reader
from actorch.actors._reader import LineCutter, Reader


def cut(chunks):
    cutter = LineCutter()
    lines = [line for chunk in chunks for line in cutter.feed(chunk)]
    return lines + cutter.rest()


def chunked(data, places):
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(bounds)]


texts = st.one_of(
    st.binary(max_size=200),
    st.text(st.sampled_from("ab\n\r\0é€😀"), max_size=100).map(str.encode),
)


@given(data=texts, places=st.lists(st.integers(0, 1000), max_size=20), longest=st.integers(4, 300))
@example(data=b"a" * 8, places=[4], longest=4)
def test_any_chunking_of_any_bytes_gives_the_same_lines_as_one_chunk(data, places, longest):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_reader, "LONGEST", longest)
        lines = cut(chunked(data, places))
        assert lines == cut([data])
    assert "".join(text + "\n" * newline for text, newline in lines) == shown(data)
    if all(len(line) <= longest for line in data.split(b"\n")):
        *whole, last = data.split(b"\n")
        rest = [(shown(last), False)] if last else []
        assert lines == [(shown(line), True) for line in whole] + rest


def shown(data):
    return data.decode("utf-8", "replace")


@given(text=st.text(st.sampled_from("aé€😀"), max_size=100), longest=st.integers(4, 20))
def test_a_long_line_is_never_cut_within_a_character(text, longest):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_reader, "LONGEST", longest)
        parts = cut([text.encode()])
    assert "".join(part for part, _newline in parts) == text
    assert all(len(part.encode()) <= longest for part, _newline in parts)


def test_a_line_ends_at_a_newline_and_nowhere_else():
    data = "a\r\nb\x0b\x0c\x85\u2028c\rd\n\n".encode()
    assert [line for line, _newline in cut([data])] == [
        "a\r",
        "b\x0b\x0c\x85\u2028c\rd",
        "",
    ]


def read_all(reader):
    return b"".join(iter(reader.piece, b""))


def test_a_file_that_is_not_there_has_nothing_yet(tmp_path):
    path = tmp_path / "out"
    reader = Reader(str(path))
    assert reader.piece() == b""
    path.write_bytes(b"one")
    assert read_all(reader) == b"one"
    with open(path, "ab") as file:
        file.write(b"two")
    assert read_all(reader) == b"two"


def test_a_file_that_is_begun_anew_is_read_anew(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"long ago")
    reader = Reader(str(path))
    read_all(reader)
    path.write_bytes(b"now")
    assert (reader.piece(), reader.torn) == (b"now", True)


def test_what_was_read_beyond_the_cut_is_not_read_again(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"0123456789")
    reader = Reader(str(path), most=8)
    read_all(reader)
    os.truncate(path, 8)
    assert read_all(reader) == b""
    path.write_bytes(b"anew")
    assert read_all(reader) == b"anew"


def with_a_hole_for_a_head(path, hole, tail):
    with open(path, "wb") as file:
        file.truncate(hole)
        file.seek(hole)
        file.write(tail)
        file.flush()
        begin = os.lseek(file.fileno(), 0, os.SEEK_DATA)
    if begin != hole:
        pytest.skip("this file system cannot tell of holes")


@pytest.mark.skipif(not hasattr(os, "SEEK_DATA"), reason="no SEEK_DATA here")
def test_the_hole_that_a_head_has_become_is_skipped(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"head")
    fresh, late = Reader(str(path)), Reader(str(path))
    assert late.piece() == b"head"
    with_a_hole_for_a_head(path, 1 << 20, b"tail\n")
    assert (late.piece(), late.torn) == (b"tail\n", True)
    assert (fresh.piece(), fresh.torn) == (b"tail\n", False)


@pytest.mark.skipif(not hasattr(os, "SEEK_DATA"), reason="no SEEK_DATA here")
def test_zeros_that_were_printed_are_no_hole(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"\0" * 10_000 + b"x")
    assert read_all(Reader(str(path))) == b"\0" * 10_000 + b"x"


def test_a_reader_that_waits_holds_no_descriptor(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"x")
    before = os.listdir("/dev/fd")
    reader = Reader(str(path))
    reader.piece()
    assert os.listdir("/dev/fd") == before
    assert "1 of" in repr(reader)
