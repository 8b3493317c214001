"""What an ended attempt means: why actorch ended it beats what the program made of it."""

import errno
import os

import pytest

from actorch.actors import AgentSpec, RetryPolicy
from actorch.actors._exit import ExitClass
from actorch.actors._messages import StopReason
from actorch.actors._orphans import end_orphans
from actorch.actors._outcome import Printed, deserves_retry, outcome_of
from actorch.actors._process_events import Ended, Lost, SpawnFailed, Survivor
from actorch.actors._states import AgentEvent

SPEC = AgentSpec("a", ["prog", "x"], timeout=2.0, idle_timeout=1.0)


def ended(code=None, signal=None, survivors=()):
    return Ended(code, signal, 0.1, 0.2, 4096, 0, 0, survivors)


def test_a_success_has_no_error():
    outcome = outcome_of(SPEC, ended(0), None)
    assert (outcome.event, outcome.error) == (AgentEvent.SUCCEED, None)


@pytest.mark.parametrize("end", [ended(0), ended(1), ended(None, 15)])
@pytest.mark.parametrize(
    ("reason", "event", "kind"),
    [
        (StopReason.TIMEOUT, AgentEvent.TIME_OUT, "timeout"),
        (StopReason.IDLE, AgentEvent.TIME_OUT, "timeout"),
        (StopReason.DEADLINE, AgentEvent.TIME_OUT, "timeout"),
        (StopReason.CANCELLED, AgentEvent.CANCEL, "cancelled"),
        (StopReason.INTERRUPTED, AgentEvent.CANCEL, "cancelled"),
        (StopReason.IMPOSSIBLE, AgentEvent.CANCEL, "cancelled"),
        (StopReason.FAIL_FAST, AgentEvent.CANCEL, "cancelled"),
        (StopReason.CRASHED, AgentEvent.FAIL, "actor_crashed"),
        (StopReason.OUTPUT, AgentEvent.FAIL, "output_limit"),
        (StopReason.UNWRITTEN, AgentEvent.FAIL, "output_lost"),
    ],
)
def test_what_was_stopped_never_counts_by_its_exit_code(end, reason, event, kind):
    outcome = outcome_of(SPEC, end, reason)
    assert (outcome.event, outcome.error.kind) == (event, kind)
    assert outcome.exit.requested


def test_every_reason_to_stop_is_known():
    for reason in StopReason:
        assert outcome_of(SPEC, ended(0), reason).event is not AgentEvent.SUCCEED


def test_the_limit_that_was_passed_is_named():
    assert outcome_of(SPEC, ended(0), StopReason.TIMEOUT).error.limit == "timeout"
    assert "timeout of 2 s" in outcome_of(SPEC, ended(0), StopReason.TIMEOUT).error.message
    assert "idle_timeout of 1 s" in outcome_of(SPEC, ended(0), StopReason.IDLE).error.message


def test_a_lost_process_is_lost_and_may_be_tried_again():
    outcome = outcome_of(SPEC, Lost("its shim was killed", 1, ()), None)
    assert (outcome.event, outcome.exit_class) == (AgentEvent.LOSE, ExitClass.TRANSIENT)
    assert outcome.error.retryable


def test_survivors_are_named_by_pid_and_reason():
    outcome = outcome_of(SPEC, ended(0, survivors=(Survivor(7, "not permitted"),)), None)
    assert outcome.exit.survivors == ("7: not permitted",)


def test_a_leader_that_outlived_sigkill_has_not_succeeded():
    survivor = Survivor(7, "stuck in the kernel")
    outcome = outcome_of(SPEC, ended(survivors=(survivor,)), None)
    assert (outcome.event, outcome.error.kind) == (AgentEvent.LOSE, "wait_failed")
    assert "7: stuck in the kernel" in outcome.error.message


@pytest.mark.parametrize(
    "event",
    [
        Lost("its shim was killed", 0, (Survivor(7, "not permitted"),)),
        ended(1, survivors=(Survivor(7, "not permitted"),)),
    ],
)
def test_no_attempt_follows_while_processes_of_the_old_one_survive(event):
    outcome = outcome_of(SPEC, event, None)
    assert outcome.survivors == ("7: not permitted",)
    eager = AgentSpec("a", ["prog"], retry=RetryPolicy(max_attempts=9, retry_on="any"))
    assert not deserves_retry(eager, outcome, 1)
    assert deserves_retry(eager, outcome_of(SPEC, Lost("its shim was killed", 0, ()), None), 1)


@pytest.mark.parametrize(
    ("stage", "number", "words"),
    [
        ("command", errno.ENOENT, "command not found: prog"),
        ("command", errno.EACCES, "not executable"),
        ("interpreter", errno.ENOENT, "#!"),
        ("exec", errno.ENOEXEC, "no #! line"),
        ("exec", errno.E2BIG, "too long"),
        ("cwd", errno.ENOENT, "cannot work in"),
        ("files", errno.ENOSPC, "No space left"),
        ("exec", errno.EAGAIN, "Resource temporarily unavailable"),
        ("keeper", errno.EMFILE, "Too many open files"),
    ],
)
def test_each_way_not_to_start_has_words_of_its_own(stage, number, words):
    outcome = outcome_of(SPEC, SpawnFailed(stage, number, "/p"), None)
    assert words in outcome.error.message
    assert (outcome.error.stage, outcome.error.errno) == (stage, number)
    assert outcome.event is AgentEvent.FAIL


def test_a_full_disk_is_named_as_the_cause():
    assert "disk is full" in outcome_of(SPEC, ended(1), None, Printed(disk_full=True)).error.message


def test_an_orphan_of_which_too_little_is_known_counts_as_a_survivor():
    killed, survivors = end_orphans(0, 0)
    assert (killed, [one.pid for one in survivors]) == (0, [0])
    assert end_orphans(os.getpid(), 0)[1][0].pid == os.getpid()


def test_what_printed_too_much_or_what_was_lost_is_no_success():
    limited = AgentSpec("a", ["true"], output_max="1K")
    outcome = outcome_of(limited, ended(0), None, Printed(exceeded=True))
    assert (outcome.exit_class, outcome.error.kind) == (ExitClass.OUTPUT, "output_limit")
    assert "output_max of 1 KiB" in outcome.error.message
    assert not outcome.exit.requested
    lost = outcome_of(SPEC, ended(0), None, Printed(trouble="No space left on device"))
    assert (lost.exit_class, lost.error.kind) == (ExitClass.OUTPUT, "output_lost")
    assert "No space left on device" in lost.error.message


def test_a_limit_of_output_is_tried_again_only_where_that_is_asked_for():
    outcome = outcome_of(SPEC, ended(0), None, Printed(exceeded=True))
    for words, wanted in (("transient", False), ("exit", False), ("output", True), ("any", True)):
        spec = AgentSpec("a", ["true"], retry=RetryPolicy(max_attempts=2, retry_on=words))
        assert deserves_retry(spec, outcome, 1) is wanted
