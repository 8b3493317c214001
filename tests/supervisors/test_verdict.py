"""When a run is satisfied or lost, and what it is called in the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.actors._messages import StopReason
from actorch.supervisors._verdict import Standing, Verdict, standing, verdict_of


@pytest.mark.parametrize(
    ("required", "succeeded", "unfinished", "expected"),
    [
        (2, 2, 1, Standing.SATISFIED),
        (2, 1, 1, Standing.OPEN),
        (2, 0, 1, Standing.IMPOSSIBLE),
        (3, 0, 3, Standing.OPEN),
        (1, 0, 0, Standing.IMPOSSIBLE),
    ],
)
def test_a_quorum_is_met_open_or_impossible(required, succeeded, unfinished, expected):
    assert standing(required, succeeded, unfinished) is expected


@pytest.mark.parametrize(
    ("required", "succeeded", "stopped", "expected"),
    [
        (2, 3, None, Verdict.OK),
        (2, 2, None, Verdict.DEGRADED),
        (2, 1, None, Verdict.FAILED),
        (2, 1, StopReason.IMPOSSIBLE, Verdict.FAILED),
        (2, 2, StopReason.FAIL_FAST, Verdict.DEGRADED),
        (2, 1, StopReason.DEADLINE, Verdict.TIMED_OUT),
        (2, 2, StopReason.DEADLINE, Verdict.DEGRADED),
        (1, 3, StopReason.DEADLINE, Verdict.OK),
        (1, 3, StopReason.CANCELLED, Verdict.CANCELLED),
        (1, 3, StopReason.INTERRUPTED, Verdict.INTERRUPTED),
        (1, 3, StopReason.CRASHED, Verdict.FAILED),
    ],
)
def test_the_verdict_follows_from_successes_and_from_why_it_was_stopped(
    required, succeeded, stopped, expected
):
    assert verdict_of(required, succeeded, 3, stopped) is expected


@given(st.integers(1, 50), st.data())
def test_once_satisfied_or_impossible_a_run_stays_so(total, data):
    required = data.draw(st.integers(1, total))
    ends = data.draw(st.lists(st.booleans(), min_size=total, max_size=total))
    settled = Standing.OPEN
    for done in range(total + 1):
        now = standing(required, sum(ends[:done]), total - done)
        assert settled in (Standing.OPEN, now)
        settled = now
    assert settled is not Standing.OPEN
    assert (settled is Standing.SATISFIED) == (
        verdict_of(required, sum(ends), total, None) in (Verdict.OK, Verdict.DEGRADED)
    )
