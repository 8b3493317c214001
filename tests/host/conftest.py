"""A system on a state directory of its own, and a place where an app and its agents meet."""

import pytest

from actorch.supervisors import ActorSystem
from processes import running_at, wait_until


@pytest.fixture
def system(tmp_path):
    with ActorSystem(state_dir=str(tmp_path / "state")) as system:
        yield system


@pytest.fixture
def place(tmp_path):
    """Where programs sign in; nothing that has it in its argv outlives the test."""
    path = tmp_path / "place"
    path.mkdir()
    yield path
    wait_until(lambda: not running_at(path), "the end of all that ran")
