"""The console's paths: files for anybody, what is in the records for those who may read them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from assay.v1 import run_service_pb2
from assay_server.console.pages import POLICY, assets
from assay_server.store.redis.private_server import PrivateRedis

from .door import Doors, doors, refused, settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTIONS = ("runs", "run?run=r", "prompts?run=r", "groups?run=r", "group?run=r&group=g", "rollout?run=r&rollout=x")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stored(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Doors]:
    """A server whose store is a file with one run without rollouts."""
    folder = tmp_path_factory.mktemp("console")
    chosen = settings(folder / "token").model_copy(update={"store": f"sqlite:{folder / 'assay.db'}"})
    async with doors(chosen) as found:
        leaf = run_service_pb2.RewardLeaf(id="math")
        spec = run_service_pb2.RunSpec(reward=run_service_pb2.RewardNode(leaf=leaf))
        await found.by_grpc(
            "RunService/CreateRun",
            run_service_pb2.CreateRunRequest(run_id="a run/with?signs&", spec=spec),
            run_service_pb2.CreateRunResponse,
        )
        yield found


@pytest.mark.parametrize("name", ["", *assets()])
async def test_files_come_with_a_policy_that_allows_nothing_inline(door: Doors, name: str) -> None:
    response = await door.http.get(f"/console/{name}")
    assert response.status_code == 200
    assert response.headers["content-security-policy"] == POLICY
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.content == assets()[name or "index.html"].content
    again = await door.http.get(f"/console/{name}", headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["nothing.js", "..%2fstatic%2fmain.js", "%2e%2e/static/main.js", "static/main.js", "main.js%00"]
)
async def test_there_are_no_other_files(door: Doors, path: str) -> None:
    response = await door.http.get(f"/console/{path}")
    assert response.status_code == 404
    assert refused(response).code == "NOT_FOUND"


async def test_the_address_without_a_slash_leads_there(door: Doors) -> None:
    response = await door.http.get("/console")
    assert (response.status_code, response.headers["location"]) == (308, "/console/")


@pytest.mark.parametrize("path", [*(f"api/{question}" for question in QUESTIONS), "report?run=r"])
async def test_records_are_not_told_to_strangers(stored: Doors, path: str) -> None:
    assert (await stored.http.get(f"/console/{path}")).status_code == 401
    assert (await stored.http.get(f"/console/{path}", headers={"authorization": "Bearer no"})).status_code == 401


async def test_a_page_finds_out_who_it_is_without_a_failure(stored: Doors) -> None:
    assert (await stored.http.get("/console/api/door")).json() == {"known": False}
    assert (await stored.http.get("/console/api/door", headers=stored.credentials)).json() == {"known": True}


async def test_pages_of_other_names_and_sites_are_refused(stored: Doors) -> None:
    for path in ("/console/", "/console/main.js", "/console/api/runs", "/console/report?run=r"):
        for headers, reason in (
            ({"host": "evil.example"}, "HOST_NOT_ALLOWED"),
            ({"origin": "http://evil.example"}, "ORIGIN_NOT_ALLOWED"),
        ):
            response = await stored.http.get(path, headers={**stored.credentials, **headers})
            assert response.status_code == 403
            assert refused(response).reason == reason


async def test_the_records_answer(stored: Doors) -> None:
    runs = (await stored.http.get("/console/api/runs", headers=stored.credentials)).json()["runs"]
    assert [run["runId"] for run in runs] == ["a run/with?signs&"]
    asked = {"run": "a run/with?signs&"}
    response = await stored.http.get("/console/api/run", params=asked, headers=stored.credentials)
    assert response.json()["totals"]["rollouts"] == 0
    report = await stored.http.get("/console/report", params=asked, headers=stored.credentials)
    assert report.headers["content-disposition"].startswith("attachment")
    assert "sha256-" in report.headers["content-security-policy"]


async def test_what_is_not_there_is_said(stored: Doors) -> None:
    response = await stored.http.get("/console/api/run?run=unheard", headers=stored.credentials)
    assert (response.status_code, refused(response).reason) == (404, "NOT_IN_RECORDS")
    response = await stored.http.get("/console/api/prompts?run=unheard&start=x", headers=stored.credentials)
    assert response.status_code in (400, 404)
    response = await stored.http.get("/console/api/run", headers=stored.credentials)
    assert response.status_code == 400


async def test_a_store_without_a_file_is_said(door: Doors) -> None:
    response = await door.http.get("/console/api/runs", headers=door.credentials)
    assert (response.status_code, refused(response).reason) == (400, "NO_RECORDS_FILE")


async def test_every_server_of_a_fleet_shows_its_runs(redis: PrivateRedis, tmp_path: Path) -> None:
    fleet = {"store": redis.url, "records": tmp_path / "records"}
    chosen = settings(tmp_path / "token").model_copy(update=fleet)
    async with doors(chosen) as one, doors(chosen) as other:
        leaf = run_service_pb2.RewardLeaf(id="math")
        spec = run_service_pb2.RunSpec(reward=run_service_pb2.RewardNode(leaf=leaf))
        request = run_service_pb2.CreateRunRequest(run_id="run", spec=spec)
        await one.by_grpc("RunService/CreateRun", request, run_service_pb2.CreateRunResponse)
        runs = (await other.http.get("/console/api/runs", headers=other.credentials)).json()["runs"]
        assert [(run["runId"], run["rollouts"]) for run in runs] == [("run", 0)]
        report = await other.http.get("/console/report", params={"run": "run"}, headers=other.credentials)
        assert (report.status_code, "math" in report.text) == (200, True)


async def test_a_side_process_that_is_gone_is_replaced(stored: Doors) -> None:
    side = stored.process._side  # pyright: ignore[reportPrivateUsage] - to end what it has started
    assert (await stored.http.get("/console/api/runs", headers=stored.credentials)).status_code == 200
    process = side._process  # pyright: ignore[reportPrivateUsage]
    assert process is not None
    process.kill()
    process.wait()
    answers = [(await stored.http.get("/console/api/runs", headers=stored.credentials)).status_code for _ in range(2)]
    assert answers[-1] == 200
    assert answers[0] in (200, 503)


async def test_code_is_not_run_for_strangers_to_a_server_without_a_token() -> None:
    async with doors(settings(None)) as found:
        assert (await found.http.get("/console/api/door")).json() == {"known": True}
        response = await found.post("/v1/SandboxService/RunTests", {"jobs": []})
        assert (response.status_code, refused(response).reason) == (403, "NEEDS_TOKEN")


async def test_no_file_is_listed_that_is_outside_the_folder() -> None:
    assert all(Path(name).name == name for name in assets())
