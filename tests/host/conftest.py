"""A system on a state directory of its own, and a place where an app and its agents meet."""

import pytest

from actorch.supervisors import ActorSystem


@pytest.fixture
def system(tmp_path):
    with ActorSystem(state_dir=str(tmp_path / "state")) as system:
        yield system
