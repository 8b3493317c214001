"""For the tests of what is built on actors: time, chance and news, under control."""

from ._manual_clock import ManualClock
from ._recorded_events import RecordedEvents
from ._terminated import assert_terminated

__all__ = ["ManualClock", "RecordedEvents", "assert_terminated"]
