"""For the tests of what is built on actors: time that is set, ends that are checked."""

from ._manual_clock import ManualClock
from ._terminated import assert_terminated

__all__ = ["ManualClock", "assert_terminated"]
