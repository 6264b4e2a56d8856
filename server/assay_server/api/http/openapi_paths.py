"""What the HTTP door has besides the contract's methods, as OpenAPI: feeds of runs, formats of trainers, probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from assay.sdk import Json
from assay_server.api.http.feeds import FEED_PATH

_STRING: Final[Mapping[str, Json]] = {"type": "string"}
_WHOLE: Final[Mapping[str, Json]] = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
_DELIVERY: Final[Mapping[str, Json]] = {"$ref": "#/components/schemas/DeliveryMode"}
_EMPTY: Final[Mapping[str, Json]] = {"type": "object", "additionalProperties": False}
_TEXTS: Final[Mapping[str, Json]] = {"type": "array", "items": dict(_STRING)}
_SECONDS: Final[Mapping[str, Json]] = {"type": "number", "exclusiveMinimum": 0, "maximum": 3600}


def paths_of_the_door(timeout: Mapping[str, Json]) -> dict[str, Json]:
    """Paths that are not methods of the contract.

    Args:
        timeout: the parameter by which a call says how long it waits.
    """
    return {
        f"{FEED_PATH}:results": {"get": _results()},
        f"{FEED_PATH}:send": {"post": _send(timeout)},
        f"{FEED_PATH}:ack": {"post": _ack()},
        "/get_reward": {"post": _get_reward(timeout)},
        "/run_code": {"post": _run_code(timeout)},
        **_of_the_operator(),
    }


def _operation(
    name: str,
    summary: str,
    answers: Mapping[str, Json],
    *,
    tag: str,
    parameters: Sequence[Mapping[str, Json]] = (),
    body: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    refused: dict[str, Json] = {
        "description": "Why not.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    made: dict[str, Json] = {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "parameters": [dict(parameter) for parameter in parameters],
        "responses": {**answers, "default": refused},
    }
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": dict(body)}}}
    return made


def _answered(status: str, description: str, media: str, schema: Mapping[str, Json]) -> dict[str, Json]:
    return {status: {"description": description, "content": {media: {"schema": dict(schema)}}}}


def _json_of(status: str, description: str, schema: Mapping[str, Json]) -> dict[str, Json]:
    return _answered(status, description, "application/json", schema)


def _parameter(
    name: str, place: str, schema: Mapping[str, Json], description: str = "", *, required: bool = False
) -> dict[str, Json]:
    made: dict[str, Json] = {"name": name, "in": place, "required": required, "schema": dict(schema)}
    return made | ({"description": description} if description else {})


def _of_a_consumer() -> list[Mapping[str, Json]]:
    return [_parameter(name, "path", _STRING, required=True) for name in ("run_id", "consumer")]


def _results() -> dict[str, Json]:
    last = "The number of the last event that was processed; results go on after it."
    parameters = [
        *_of_a_consumer(),
        _parameter("generation", "query", _WHOLE),
        _parameter("delivery", "query", _DELIVERY),
        _parameter("deliverTo", "query", _STRING),
        _parameter("maxInFlight", "query", _WHOLE),
        _parameter("resumeAfter", "query", _WHOLE),
        _parameter("Last-Event-ID", "header", {"type": "string", "pattern": "^[0-9]{1,18}$"}, last),
    ]
    events = {"description": "Events; the data of each is a StreamRolloutsResponse, of the last {}."}
    return _operation(
        "Feed_Results",
        "What a consumer is owed, as events.",
        _answered("200", "Results, as they come.", "text/event-stream", events),
        tag="Feed",
        parameters=parameters,
    )


def _send(timeout: Mapping[str, Json]) -> dict[str, Json]:
    return _operation(
        "Feed_Send",
        "One request for the open feed of a consumer.",
        _json_of("202", "It was handed over.", _EMPTY),
        tag="Feed",
        parameters=[*_of_a_consumer(), timeout],
        body={"$ref": "#/components/schemas/StreamRolloutsRequest"},
    )


def _ack() -> dict[str, Json]:
    return _operation(
        "Feed_Acknowledge",
        "Say what was processed; it is stored when this is answered.",
        _json_of("200", "It is stored.", _EMPTY),
        tag="Feed",
        parameters=_of_a_consumer(),
        body={"$ref": "#/components/schemas/Ack"},
    )


def _get_reward(timeout: Mapping[str, Json]) -> dict[str, Json]:
    label = "The key of the reference under which labels go."
    unscored = "The number for what could not be scored; without it the call fails."
    parameters = [
        _parameter("reward", "query", {"type": "string", "minLength": 1}, "The reward's id.", required=True),
        _parameter("params", "query", _STRING, "Its parameters, a JSON object."),
        _parameter("task_type", "query", _STRING),
        _parameter("label", "query", _STRING, label),
        _parameter("eos", "query", _TEXTS, "Tokens that are taken off the end of responses."),
        _parameter("unscored", "query", {"type": "number"}, unscored),
        timeout,
    ]
    body: Mapping[str, Json] = {
        "type": "object",
        "required": ["query"],
        "additionalProperties": False,
        "properties": {
            "query": dict(_TEXTS),
            "prompts": {"type": ["array", "null"], "items": dict(_STRING)},
            "labels": {"type": ["array", "null"]},
            "metas": {},
        },
    }
    numbers: dict[str, Json] = {"type": "array", "items": {"type": "number"}}
    logs: dict[str, Json] = {"type": "object", "additionalProperties": numbers}
    answer: Mapping[str, Json] = {
        "type": "object",
        "required": ["rewards", "scores", "extra_logs"],
        "properties": {"rewards": numbers, "scores": numbers, "extra_logs": logs},
    }
    return _operation(
        "GetReward",
        "OpenRLHF's remote reward.",
        _json_of("200", "A number for each query.", answer),
        tag="Trainers",
        parameters=parameters,
        body=body,
    )


def _run_code(timeout: Mapping[str, Json]) -> dict[str, Json]:
    optional: dict[str, Json] = {"type": ["string", "null"]}
    seconds: dict[str, Json] = {"anyOf": [dict(_SECONDS), {"type": "null"}]}
    memory: dict[str, Json] = {
        "anyOf": [{"type": "integer", "minimum": 1, "maximum": (1 << 24) - 1}, {"enum": [-1, None]}]
    }
    contents: dict[str, Json] = {"type": ["string", "null"], "contentEncoding": "base64"}
    body: Mapping[str, Json] = {
        "type": "object",
        "required": ["code", "language"],
        "additionalProperties": False,
        "properties": {
            "code": dict(_STRING),
            "language": dict(_STRING),
            "stdin": optional,
            "run_timeout": seconds,
            "compile_timeout": seconds,
            "memory_limit_MB": memory,
            "files": {"type": ["object", "null"], "additionalProperties": contents},
            "args": {"type": ["array", "null"], "items": dict(_STRING)},
        },
    }
    status: dict[str, Json] = {"enum": ["Success", "Failed", "SandboxError"]}
    answer: Mapping[str, Json] = {"type": "object", "required": ["status", "message"], "properties": {"status": status}}
    return _operation(
        "RunCode",
        "SandboxFusion's call: a program, run in the sandbox.",
        _json_of("200", "What came of it.", answer),
        tag="Trainers",
        parameters=[timeout],
        body=body,
    )


def _of_the_operator() -> dict[str, Json]:
    def text(description: str) -> dict[str, Json]:
        return _answered("200", description, "text/plain", _STRING)

    def probed(name: str) -> dict[str, Json]:
        return text("Yes.") | (_answered("503", "Not now.", "text/plain", _STRING) if name == "Ready" else {})

    probes: dict[str, Json] = {
        path: {"get": _operation(name, summary, probed(name), tag="Operator") | {"security": []}}
        for path, name, summary in (
            ("/livez", "Live", "Whether the server lives; anybody may ask."),
            ("/readyz", "Ready", "Whether it takes work: 503 where it does not. Anybody may ask."),
        )
    }
    isolation = {
        **_json_of("200", "The isolation.", {"type": "object"}),
        **_json_of("503", "What is missing: there is none.", {"type": "object"}),
    }
    return {
        **probes,
        "/metrics": {"get": _operation("Metrics", "Prometheus' exposition.", text("Figures."), tag="Operator")},
        "/sandboxz": {"get": _operation("Sandbox", "What isolation programs have.", isolation, tag="Operator")},
        "/openapi.json": {
            "get": _operation("Description", "This.", _json_of("200", "This.", {"type": "object"}), tag="Operator")
        },
    }
