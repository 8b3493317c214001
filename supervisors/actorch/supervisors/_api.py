"""What this package has to offer."""

from ._fleet import RunSpec
from ._fleet_file import load_fleet
from ._garbage import Garbage, OldRun, collect_garbage
from ._handle import Run
from ._lines import Line
from ._quorum import Quorum
from ._result import RunResult
from ._subscription import Subscription
from ._system import ActorSystem
from ._verdict import Verdict

__all__ = [
    "ActorSystem",
    "Garbage",
    "Line",
    "OldRun",
    "Quorum",
    "Run",
    "RunResult",
    "RunSpec",
    "Subscription",
    "Verdict",
    "collect_garbage",
    "load_fleet",
]
