"""``/get_reward``: the remote reward that OpenRLHF asks.

Its contract: ``{"query": [...], "prompts": [...], "labels": [...]}`` in, ``{"rewards": [...], "scores": [...],
"extra_logs": {name: [...]}}`` out. A query is a prompt with its response; a trainer is given one URL and sends no
headers, so what is to be computed is in the URL's query and the token in its user part.

A number must come back for every query. What could not be scored has none, so the call fails and says which and why,
unless the URL names a number of the caller's choice for such queries; ``extra_logs`` then says which these were.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assay.sdk import Json
from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.api.http.answers import json_bytes
from assay_server.api.http.bodies import parse_json, read_value
from assay_server.api.http.dispatch import Dispatch, timeout_of
from assay_server.api.http.routes import Answer, post
from assay_server.api.reward_calls import MAX_ROLLOUTS
from assay_server.pipeline.failures import Code, Failure, invalid_field

_SCORE: Final = "/assay.v1.RewardService/Score"
_PARAMETERS: Final = frozenset({"reward", "params", "task_type", "label", "eos", "unscored"})
_FIELDS: Final = frozenset({"query", "prompts", "labels", "metas"})


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the URL says.

    Attributes:
        label: the key of the reference under which a label is put; empty: a label that is a JSON object is the
            reference, any other is its ``answer``.
        ends: what stands after a response: the trainer's end-of-text and padding tokens.
        unscored: the number for what could not be scored; None = the call fails.
    """

    reward: str
    params: str
    task_type: str
    label: str
    ends: tuple[str, ...]
    unscored: float | None


def remote_reward_routes(dispatch: Dispatch) -> list[Route]:
    """The one route."""

    async def get_reward(request: Request) -> Answer:
        dispatch.admit(request, _SCORE)
        timeout_of(request)  # where nothing is asked, no call looks at it
        wanted = _wanted(request.query_params)
        rollouts = _rollouts(await read_value(request), wanted)
        results: list[rollout_pb2.SampleResult] = []
        for start in range(0, len(rollouts), MAX_ROLLOUTS):
            asked = wire.ScoreRequest(rollouts=rollouts[start : start + MAX_ROLLOUTS])
            asked.reward.leaf.id, asked.reward.leaf.params_json = wanted.reward, wanted.params
            results += (await dispatch.call(request, _SCORE, asked, wire.ScoreResponse)).results
        return Response(json_bytes(_answer(results, wanted.unscored)), media_type="application/json")

    return [post("/get_reward", get_reward)]


def _wanted(query: QueryParams) -> _Wanted:
    if unknown := sorted(set(query) - _PARAMETERS):
        raise invalid_field(unknown[0][:64], f"is no parameter here; there are {', '.join(sorted(_PARAMETERS))}")
    if not query.get("reward"):
        raise invalid_field("reward", "name the reward in the URL: /get_reward?reward=math")
    return _Wanted(
        query["reward"],
        query.get("params", ""),
        query.get("task_type", ""),
        query.get("label", ""),
        tuple(filter(None, query.getlist("eos"))),
        _number(query["unscored"]) if "unscored" in query else None,
    )


def _number(text: str) -> float:
    try:
        number = float(text[:64])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise invalid_field("unscored", "expected a finite number")
    return number


def _rollouts(body: Json, wanted: _Wanted) -> list[rollout_pb2.Rollout]:
    if not isinstance(body, dict):
        raise invalid_field("body", "expected an object")
    if unknown := sorted(set(body) - _FIELDS):
        raise invalid_field(unknown[0][:64], "is no field of this request")
    queries = _texts(body, "query")
    prompts = _texts(body, "prompts") if body.get("prompts") is not None else [""] * len(queries)
    labels = cast("Json", body.get("labels"))
    if labels is None:
        labels = [None] * len(queries)
    if not isinstance(labels, list) or not len(queries) == len(prompts) == len(labels):
        raise invalid_field("query", "query, prompts and labels are lists of one length")
    try:
        return [
            _rollout(position, query, prompt, label, wanted)
            for position, (query, prompt, label) in enumerate(zip(queries, prompts, labels, strict=True))
        ]
    except UnicodeEncodeError:
        raise invalid_field("query", "a text is not valid Unicode") from None


def _texts(body: Mapping[str, Json], name: str) -> Sequence[str]:
    values = body.get(name)
    if not isinstance(values, list):
        raise invalid_field(name, "expected a list of texts")
    for position, value in enumerate(values):
        if not isinstance(value, str):
            raise invalid_field(f"{name}[{position}]", "expected a text")
    return cast("list[str]", values)


def _rollout(position: int, query: str, prompt: str, label: Json, wanted: _Wanted) -> rollout_pb2.Rollout:
    rollout = rollout_pb2.Rollout(rollout_id=str(position), task_type=wanted.task_type)
    if prompt:
        rollout.prompt.parts.add().text = prompt
        start = query.find(prompt)
        if start < 0:
            raise invalid_field(f"query[{position}]", "expected the prompt with its response; the prompt is not in it")
        query = query[start + len(prompt) :]
    rollout.steps.add().action.parts.add().text = _without(query, wanted.ends)
    if label is not None:
        rollout.reference_json = json.dumps(_reference(label, wanted.label), ensure_ascii=False)
    return rollout


def _without(text: str, ends: tuple[str, ...]) -> str:
    """The text without what is repeated at its end."""
    end = len(text)
    while found := next((one for one in ends if text.endswith(one, 0, end)), ""):
        end -= len(found)
    return text[:end]


def _reference(label: Json, key: str) -> Json:
    if key:
        return {key: label}
    if isinstance(label, str) and label.lstrip().startswith("{"):
        try:
            read = parse_json(label.encode())
        except Failure:
            return {"answer": label}
        return read
    return label if isinstance(label, dict) else {"answer": label}


def _answer(results: Sequence[rollout_pb2.SampleResult], unscored: float | None) -> dict[str, Json]:
    rewards: list[float] = []
    missing: list[float] = []
    for result in results:
        if result.HasField("score"):
            rewards.append(result.score.value)
        elif unscored is None:
            raise _unscored(results)
        else:
            rewards.append(unscored)
        missing.append(0.0 if result.HasField("score") else 1.0)
    values = cast("list[Json]", rewards)
    return {"rewards": values, "scores": values, "extra_logs": {"unscored": cast("list[Json]", missing)}}


def _unscored(results: Sequence[rollout_pb2.SampleResult]) -> Failure:
    """Why there is no answer: the first that could not be scored, and how many there are."""
    errors = [(result.rollout_id, result.error) for result in results if not result.HasField("score")]
    position, status = errors[0]
    info = rollout_pb2.ErrorInfo.FromString(status.details[0].value)
    message = (
        f"query[{position}] could not be scored: {status.message} ({len(errors)} of {len(results)} could not); "
        "?unscored=NUMBER gives such queries a number"
    )
    retryable = info.metadata.get("retryable") == "true"
    metadata = {"query": position, "unscored": str(len(errors))}
    return Failure(Code(status.code), info.reason, message, metadata=metadata, retryable=retryable)
