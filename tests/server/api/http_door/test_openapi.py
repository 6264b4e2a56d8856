"""The description: every method, every message, nothing that points elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

import jsonschema
import pytest

from assay.sdk import Json
from assay_server.api.http.calls import http_path
from assay_server.api.methods import services

from .door import Doors

pytestmark = pytest.mark.asyncio(loop_scope="module")


def references(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(found := value.get("$ref"), str):
            yield found
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


async def described(door: Doors) -> dict[str, Json]:
    response = await door.http.get("/openapi.json", headers=door.credentials)
    assert response.headers["content-type"] == "application/json"
    return cast("dict[str, Json]", response.json())


async def test_everything_is_described_and_nothing_is_elsewhere(door: Doors) -> None:
    document = await described(door)
    schemas = cast("dict[str, Json]", cast("dict[str, Json]", document["components"])["schemas"])
    paths = cast("dict[str, Json]", document["paths"])
    served = {http_path(method) for service in services() for method in service.methods if not method.client_streaming}
    assert {path for path in paths if path.removeprefix("/v1/").partition("/")[0].endswith("Service")} == served
    assert {found.removeprefix("#/components/schemas/") for found in references(cast("Json", document))} <= set(schemas)
    assert "://" not in json.dumps(document)


async def test_answers_are_as_described(door: Doors) -> None:
    document = await described(door)
    rollouts: Json = [
        {"rolloutId": "r", "reference": {"answer": "1"}, "steps": [{"action": "A: 1"}]},
        {"rolloutId": "bad"},
    ]
    requests: dict[str, Json] = {
        "RewardService/Score": {"rollouts": rollouts, "reward": {"leaf": {"id": "math"}}},
        "RewardService/ListRewards": {},
        "EnvironmentService/CreateSessions": {"environmentId": "keydoor"},
        "AdvantageService/ListEstimators": {},
    }
    for name, body in requests.items():
        response = await door.post(f"/v1/{name}", body)
        method = name.partition("/")[2]
        for kind, value in ((f"{method}Request", body), (f"{method}Response", cast("Json", response.json()))):
            schema: dict[str, Json] = {"$ref": f"#/components/schemas/{kind}", "components": document["components"]}
            jsonschema.Draft202012Validator(schema).validate(value)
    refusal = await door.post("/v1/RewardService/Score", {"unknown": 1})
    schema = {"$ref": "#/components/schemas/Error", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(refusal.json())


async def test_every_route_of_the_door_is_described_and_nothing_that_is_not_there(door: Doors) -> None:
    document = await described(door)
    paths = cast("dict[str, dict[str, Json]]", document["paths"])
    for path, operations in paths.items():
        named = path.replace("{run_id}", "nothing").replace("{consumer}", "nobody")
        for method in operations:
            response = await door.http.request(method.upper(), named, headers=door.credentials)
            assert response.status_code not in (404, 405) or "no such run" in response.text, (method, path)
    http_methods = {"get_reward", "run_code", "livez", "readyz", "metrics", "sandboxz", "openapi.json"}
    assert {path.strip("/") for path in paths} >= http_methods
