"""Strategies: who else falls when one child ends, and who comes back. A table over all there is."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.actors import Crashed, ExitReason, Killed, Normal, Shutdown, StartFailed
from actorch.supervisors._strategy import RESTART_TYPES, STRATEGIES, bystanders, wants_restart

ERROR = ValueError("x")
REASONS = {
    "normal": Normal(),
    "shutdown": Shutdown(),
    "killed": Killed(),
    "crashed": Crashed(ERROR),
    "start_failed": StartFailed(ERROR),
}
COMES_BACK = {
    "permanent": {"normal", "shutdown", "killed", "crashed", "start_failed"},
    "transient": {"killed", "crashed", "start_failed"},
    "temporary": set(),
}
FALLS = {
    ("one_for_one", "a"): "",
    ("one_for_one", "b"): "",
    ("one_for_one", "c"): "",
    ("one_for_all", "a"): "bc",
    ("one_for_all", "b"): "ac",
    ("one_for_all", "c"): "ab",
    ("rest_for_one", "a"): "bc",
    ("rest_for_one", "b"): "c",
    ("rest_for_one", "c"): "",
}

children = st.lists(st.text(min_size=1), min_size=1, unique=True)


def restarted(restart, reason, strategy, failed):
    """Everybody who is started again after `failed` ended, in order; "" if nobody is."""
    if not wants_restart(restart, reason):
        return ""
    return "".join(sorted((failed, *bystanders(strategy, "abc", failed))))


@pytest.mark.parametrize(("restart", "name"), list(product(RESTART_TYPES, REASONS)))
@pytest.mark.parametrize(("strategy", "failed"), list(FALLS))
def test_who_is_restarted_is_told_by_restart_type_reason_and_strategy(
    restart, name, strategy, failed
):
    everybody = "".join(sorted(failed + FALLS[strategy, failed]))
    expected = everybody if name in COMES_BACK[restart] else ""
    assert restarted(restart, REASONS[name], strategy, failed) == expected


def test_the_tables_are_complete():
    assert set(COMES_BACK) == set(RESTART_TYPES)
    assert set(FALLS) == set(product(STRATEGIES, "abc"))
    assert {type(reason) for reason in REASONS.values()} <= set(ExitReason.__subclasses__())


@pytest.mark.parametrize("abnormal", [True, False])
def test_of_a_reason_nothing_matters_but_whether_it_is_a_failure(abnormal):
    class Other(ExitReason, frozen=True):
        pass

    Other.abnormal = abnormal
    found = {restart: wants_restart(restart, Other()) for restart in RESTART_TYPES}
    assert found == {"permanent": True, "transient": abnormal, "temporary": False}


@given(children, st.data(), st.sampled_from(STRATEGIES))
def test_bystanders_keep_the_order_of_their_start_and_are_never_the_one_that_failed(
    ids, data, strategy
):
    failed = data.draw(st.sampled_from(ids))
    found = bystanders(strategy, ids, failed)
    assert failed not in found
    assert list(found) == [one for one in ids if one in found]


@given(children, st.data())
def test_each_strategy_drags_along_what_its_name_says(ids, data):
    place = data.draw(st.integers(0, len(ids) - 1))
    found = {strategy: list(bystanders(strategy, ids, ids[place])) for strategy in STRATEGIES}
    assert found == {
        "one_for_one": [],
        "one_for_all": ids[:place] + ids[place + 1 :],
        "rest_for_one": ids[place + 1 :],
    }


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_a_child_that_is_not_there_has_no_bystanders(strategy):
    with pytest.raises(ValueError, match="x"):
        bystanders(strategy, ["a"], "x")
