"""A system on a state directory of its own."""

import os
import sys

import pytest

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(__file__)), "support"))


@pytest.fixture
def state(tmp_path):
    return str(tmp_path / "state")


@pytest.fixture
def system(state):
    from actorch.supervisors import ActorSystem

    with ActorSystem(state_dir=state) as system:
        yield system
