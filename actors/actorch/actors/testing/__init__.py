"""For the tests of what is built on actors: time, chance, news and processes, under control."""

from ._chance import ScriptedRandom, SeededRandom
from ._fake_process import FakeProcess
from ._fake_processes import FakeProcesses
from ._fake_script import FakeScript
from ._manual_clock import ManualClock
from ._probe import Probe
from ._recorded_events import RecordedEvents
from ._terminated import assert_terminated

__all__ = [
    "FakeProcess",
    "FakeProcesses",
    "FakeScript",
    "ManualClock",
    "Probe",
    "RecordedEvents",
    "ScriptedRandom",
    "SeededRandom",
    "assert_terminated",
]
