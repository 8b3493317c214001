"""What this package has to offer."""

from ._agent_child import CurrentRun
from ._breaker import Breaker
from ._budget import Budget
from ._child import BRUTAL_KILL, INFINITY, ChildSpec, ShutdownRule
from ._child_info import ChildCounts, ChildInfo
from ._fleet import RunSpec
from ._fleet_file import load_fleet
from ._garbage import Garbage, OldRun, collect_garbage
from ._handle import Run
from ._lines import Line
from ._quorum import Quorum
from ._restart_backoff import RestartBackoff
from ._restart_context import RestartContext
from ._result import RunResult
from ._shutdown import ShutdownPhase
from ._shutdown_task import ShutdownTask
from ._subscription import Subscription
from ._supervise import start_supervisor
from ._supervisor_ref import SupervisorRef
from ._supervisor_spec import SupervisorSpec
from ._system import ActorSystem
from ._tree import DynamicSupervisor, Supervisor
from ._verdict import Verdict

__all__ = [
    "BRUTAL_KILL",
    "INFINITY",
    "ActorSystem",
    "Breaker",
    "Budget",
    "ChildCounts",
    "ChildInfo",
    "ChildSpec",
    "CurrentRun",
    "DynamicSupervisor",
    "Garbage",
    "Line",
    "OldRun",
    "Quorum",
    "RestartBackoff",
    "RestartContext",
    "Run",
    "RunResult",
    "RunSpec",
    "ShutdownPhase",
    "ShutdownRule",
    "ShutdownTask",
    "Subscription",
    "Supervisor",
    "SupervisorRef",
    "SupervisorSpec",
    "Verdict",
    "collect_garbage",
    "load_fleet",
    "start_supervisor",
]
