"""A web app that starts, lists and stops agents: `uvicorn --app-dir docs/examples web_app:app`."""

import asyncio
import contextlib
import sys
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence

import pykka
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from actorch.actors import AgentSpec, ChildError, ChildStartError, TooManyChildrenError
from actorch.supervisors import ActorSystem, Budget, ChildSpec, DynamicSupervisor

# What clients may ask for, by name: nobody sends a command line over the network.
KINDS: Mapping[str, Sequence[str]] = {
    "count": [sys.executable, "-c", "for n in range(3): print('count', n)"],
    "serve": [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(3600)"],
}


def make_app(
    kinds: Mapping[str, Sequence[str]] = KINDS, *, most: int = 10, state_dir: str | None = None
) -> Starlette:
    """The app; `most` is how many jobs there may be at once."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tree = DynamicSupervisor(
            name="jobs", max_children=most, child_budget=Budget(3, within=600, then="stop")
        )
        async with ActorSystem(state_dir=state_dir) as system:
            app.state.system = system
            app.state.jobs = await system.supervise_soon(tree)
            yield

    async def start(request: Request) -> JSONResponse:
        kind = (await request.json()).get("kind")
        if kind not in kinds:
            return problem(422, f"there are these kinds: {', '.join(kinds)}")
        job = f"{kind}-{uuid.uuid4().hex[:8]}"
        agent = AgentSpec(kind, kinds[kind], timeout=3600)
        await request.app.state.jobs.start_child(ChildSpec(job, agent), block=False)
        return JSONResponse({"id": job}, 201)

    async def living(request: Request) -> JSONResponse:
        children = await request.app.state.jobs.which_children(block=False)
        return JSONResponse([{"id": one.id, "state": one.state} for one in children])

    async def history(request: Request) -> JSONResponse:
        """Those that have ended, too: the table keeps them, and they read their last lines."""
        return JSONResponse(await asyncio.to_thread(rows, request.app.state.system))

    async def stop(request: Request) -> JSONResponse:
        job = request.path_params["job"]
        reason = await request.app.state.jobs.terminate_child(job, block=False)
        return JSONResponse({"id": job, "ended": type(reason).__name__})

    return Starlette(
        routes=[
            Route("/jobs", start, methods=["POST"]),
            Route("/jobs", living),
            Route("/jobs/all", history),
            Route("/jobs/{job}", stop, methods=["DELETE"]),
        ],
        lifespan=lifespan,
        exception_handlers={
            ChildError: lambda _request, error: problem(404, str(error)),
            ChildStartError: lambda _request, error: problem(500, str(error)),
            TooManyChildrenError: lambda _request, error: problem(429, str(error)),
            pykka.ActorDeadError: lambda _request, error: problem(503, str(error)),
        },
    )


def rows(system: ActorSystem) -> list[dict[str, str]]:
    """Each run of each job, oldest first. Reads files, so it is for a thread."""
    snapshot = system.snapshot()
    return [
        {"id": run.name, "state": agent.state.value, "last_line": agent.last_line}
        for run in snapshot.runs
        for agent in snapshot.of(run.run_id)
    ]


def problem(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status)


app = make_app()
