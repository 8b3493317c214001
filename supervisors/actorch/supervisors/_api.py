"""What this package has to offer."""

from ._fleet import RunSpec
from ._fleet_file import load_fleet
from ._garbage import Garbage, OldRun, collect_garbage
from ._handle import Run
from ._quorum import Quorum
from ._result import RunResult
from ._system import ActorSystem
from ._verdict import Verdict

__all__ = [
    "ActorSystem",
    "Garbage",
    "OldRun",
    "Quorum",
    "Run",
    "RunResult",
    "RunSpec",
    "Verdict",
    "collect_garbage",
    "load_fleet",
]
