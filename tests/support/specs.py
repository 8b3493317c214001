"""What every error in a specification must look like, and values that are no specification."""

import re

import pytest

from actorch.actors import SpecError, UsageError
from actorch.actors._shown import shown

LONGEST = 1200
"""No error is longer than so many characters."""


def refused(function, *arguments, **options):
    """The text of the SpecError that this call raises."""
    with pytest.raises(SpecError) as caught:
        function(*arguments, **options)
    return checked(caught.value)


def checked(error):
    """The text of an error: one printable line of limited length."""
    text = str(error)
    assert text.isprintable()
    assert len(text) <= LONGEST
    if isinstance(error, SpecError):
        assert re.search(r": .+ is not allowed: must be .+", text)
        assert error.exit_code == 2
    return text


class Broken:
    """A value that cannot even be shown."""

    def __repr__(self):
        raise RuntimeError("no repr\n")


class TwoLines:
    """A value that is shown on two lines."""

    def __repr__(self):
        return "one\ntwo"


def unless_refused(function, *arguments, **options):
    """What this call returns, or None if it raises a UsageError as it should be."""
    try:
        return function(*arguments, **options)
    except UsageError as error:
        checked(error)
        return None


def label(value):
    """The id of a parameter, also where pytest has none: for numbers of thousands of digits."""
    return shown(value, 30)


def deep():
    """A list so deep that its repr is too much."""
    value = []
    for _ in range(100_000):
        value = [value]
    return value


JUNK = [
    None,
    True,
    3,
    2.5,
    "junk\n\x1b[2J\u202e",
    b"bytes",
    ["a", 1],
    [],
    {},
    {"a": 1},
    {1: 2},
    float("nan"),
    10**5000,
    "x" * 1_000_000,
    Broken(),
    TwoLines(),
]
"""One or more of every type. `without` leaves out those that are allowed somewhere."""


def without(*allowed):
    """The junk that is of none of these types; a boolean is no integer."""
    return [value for value in JUNK if type(value) not in allowed]
