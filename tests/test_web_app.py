"""The web app of the docs, asked over ASGI, with real processes and without a network."""

import asyncio
import contextlib
import importlib.util
import os
import types

import pytest

httpx = pytest.importorskip("httpx")
pytest.importorskip("starlette")

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CEILING = 30.0


def load_example() -> types.ModuleType:
    path = os.path.join(ROOT, "docs", "examples", "web_app.py")
    spec = importlib.util.spec_from_file_location("docs_web_app", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.asynccontextmanager
async def client(**options):
    app = load_example().make_app(**options)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://app") as one,
        asyncio.timeout(CEILING),
    ):
        yield one


async def start(web, kind):
    answer = await web.post("/jobs", json={"kind": kind})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def until(web, path, wanted):
    while (found := (await web.get(path)).json()) != wanted:
        await asyncio.sleep(0.01)
    return found


def test_a_job_is_started_listed_and_stopped(tmp_path):
    async def main():
        async with client(state_dir=str(tmp_path)) as web:
            job = await start(web, "serve")
            listed = (await web.get("/jobs")).json()
            running = [{"id": job, "state": "running", "last_line": "up"}]
            await until(web, "/jobs/all", running)
            stopped = await web.delete(f"/jobs/{job}")
            return job, listed, stopped.json(), (await web.get("/jobs")).json()

    job, listed, stopped, left = asyncio.run(main())
    assert listed == [{"id": job, "state": "running"}]
    assert stopped == {"id": job, "ended": "ProcessExit"}
    assert left == []


def test_a_job_that_is_done_is_no_child_any_more_but_stays_in_the_table(tmp_path):
    async def main():
        async with client(state_dir=str(tmp_path)) as web:
            job = await start(web, "count")
            await until(web, "/jobs", [])
            return job, (await web.get("/jobs/all")).json()

    job, rows = asyncio.run(main())
    assert rows == [{"id": job, "state": "succeeded", "last_line": "count 2"}]


def test_what_cannot_be_done_is_said_with_a_status(tmp_path):
    kinds = {"serve": ["sleep", "600"], "gone": [str(tmp_path / "gone")]}

    async def main():
        async with client(kinds=kinds, most=1, state_dir=str(tmp_path)) as web:
            statuses = [(await web.post("/jobs", json={"kind": "gone"})).status_code]
            await start(web, "serve")
            statuses.append((await web.post("/jobs", json={"kind": "serve"})).status_code)
            statuses.append((await web.post("/jobs", json={"kind": "unknown"})).status_code)
            statuses.append((await web.delete("/jobs/unknown")).status_code)
            return statuses

    assert asyncio.run(main()) == [500, 429, 422, 404]


def test_other_requests_are_answered_while_a_job_takes_its_time_to_stop(tmp_path):
    # It ends only once a request has seen that it is being stopped.
    script = (
        f"trap 'until test -e {tmp_path}/go; do sleep 0.01; done; exit 0' TERM; "
        f"touch {tmp_path}/up; while :; do sleep 0.01; done"
    )

    async def main():
        kinds = {"slow": ["sh", "-c", script]}
        async with client(kinds=kinds, state_dir=str(tmp_path / "state")) as web:
            job = await start(web, "slow")
            while not (tmp_path / "up").exists():
                await asyncio.sleep(0.01)
            stopping = asyncio.ensure_future(web.delete(f"/jobs/{job}"))
            await until(web, "/jobs", [{"id": job, "state": "stopping"}])
            (tmp_path / "go").touch()
            return (await stopping).status_code

    assert asyncio.run(main()) == 200


def test_the_end_of_the_app_ends_its_jobs(tmp_path):
    async def main():
        async with client(state_dir=str(tmp_path)) as web:
            await start(web, "serve")
            snapshot = web._transport.app.state.system.snapshot
            return (await asyncio.to_thread(snapshot)).agents[0].pid

    with pytest.raises(ProcessLookupError):
        os.kill(asyncio.run(main()), 0)
