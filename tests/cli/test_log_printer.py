"""Whatever agents print, and however it comes, what is written is the same, and safe to show."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actorch.actors._cutter import LONGEST, LineCutter
from actorch.actors._text import current_line, split_lines
from actorch.cli._log_printer import LinePrinter, RawPrinter


class Printed:
    """Stands for a file: what is to be read of it next."""

    def __init__(self, label="a", error=False, longest=LONGEST):
        self.label = label
        self.error = error
        self.written = 0.0
        self.cutter = LineCutter(longest)
        self.come = []

    def pieces(self):
        while self.come:
            yield self.come.pop(0)


def shown(chunks, *, longest=LONGEST, **options):
    """What becomes of the chunks."""
    written = []
    printer = LinePrinter(written.append, options.pop("labels", ()), **options)
    source = Printed(longest=longest)
    for chunk in chunks:
        source.come = [chunk]
        printer.show(source)
    printer.end(source)
    return b"".join(written)


PIECES = [
    b"plain\n",
    b"\n",
    b"a longer line of text\n",
    b"no end",
    b"\x1b[31m",
    b"\x1b]0;t",
    b"\x07",
]
PIECES += [b"\xc3", b"\xa9\n", b"\r", b"\r\n", b"\t", b"\x00", b"\x9b", b"\xf0\x9f\x99\x82"]
BYTES = st.one_of(st.binary(), st.lists(st.sampled_from(PIECES)).map(b"".join))


@given(BYTES, st.lists(st.integers(0, 99)), st.booleans(), st.sampled_from([(), ("a",)]))
def test_it_is_the_same_however_it_came(data, places, colour, labels):
    places = sorted(min(place, len(data)) for place in places)
    bounds = zip([0, *places], [*places, len(data)], strict=True)
    options = {"colour": colour, "labels": labels}
    expected = shown([data], **options)
    assert shown([data[start:end] for start, end in bounds], **options) == expected


@given(BYTES)
@example(b"\xd4 torn \x9b\n")
@example("é printable\nother ünï\n".encode())
@example("\u202e turned\n".encode())
def test_it_is_the_lines_one_by_one(data):
    lines = [current_line(line) for line in split_lines(data)]
    assert shown([data]).decode() == "".join(f"{line}\n" for line in lines)
    prefixed = "".join(f"a │ {line}\n" for line in lines)
    assert shown([data], labels=("a",)).decode() == prefixed


@given(BYTES, st.sampled_from([8, LONGEST]), st.booleans())
def test_nothing_but_text_and_colours_gets_through(data, longest, colour):
    text = shown([data], longest=longest, colour=colour).decode()
    if colour:
        text = re.sub(r"\x1b\[[0-9;:]*m", "", text)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)


def test_a_long_line_into_which_another_comes_is_begun_again():
    written = []
    printer = LinePrinter(written.append, ("one", "two"))
    one, two = Printed("one"), Printed("two", error=True)
    one.come, two.come = [b"x" * (LONGEST + 1)], [b"short\n"]
    printer.show(one)
    printer.show(two)
    one.come = [b"y\n"]
    printer.show(one)
    lines = b"".join(written).decode().splitlines()
    assert lines == [f"one │ {'x' * LONGEST}", "two ║ short", "one │ xy"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_the_output_cannot_hold_is_replaced(encoding):
    data = shown(["é │ 🙂\n".encode()], labels=("a",), encoding=encoding)
    assert data == "a ? é ? ?\n".encode(encoding, "replace")


def test_raw_is_every_byte():
    written = []
    source = Printed()
    source.come = [b"\x1b]0;t\x07\0", b"\xff"]
    printer = RawPrinter(written.append)
    printer.show(source)
    printer.end(source)
    assert b"".join(written) == b"\x1b]0;t\x07\0\xff"
