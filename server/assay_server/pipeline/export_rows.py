"""What stored rollouts are as rows of an export: for fine-tuning, preferences, rankings, judges. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from assay.json_mapping import message_to_json, sample_result_to_json
from assay.sdk.parameters import parameters_of
from assay.sdk.samples import Json
from assay.v1 import rollout_pb2
from assay_server.estimators import InputError, Role
from assay_server.estimators.definition import bind, require
from assay_server.pipeline.intake import text_of
from assay_server.sampling.pairs import best_worst, difference

Row: TypeAlias = "dict[str, Json]"
Kind: TypeAlias = Literal["rollouts", "sft", "pairs", "ranked", "judge"]

_MESSAGES = "STRUCT(role VARCHAR, content VARCHAR)[]"
_ABOUT = {"rolloutId": "VARCHAR", "groupId": "VARCHAR", "promptId": "VARCHAR", "globalStep": "BIGINT"}
_WORTH = {
    "role": "VARCHAR",
    "policyVersion": "VARCHAR",
    "hintLevel": "INTEGER",
    "reward": "DOUBLE",
    "verdict": "VARCHAR",
}
_GROUP = {"groupId": "VARCHAR", "promptId": "VARCHAR", "globalStep": "BIGINT", "prompt": _MESSAGES}
_RESPONSE = (
    "STRUCT(rolloutId VARCHAR, rank INTEGER, reward DOUBLE, verdict VARCHAR, role VARCHAR, policyVersion VARCHAR, "
    f"messages {_MESSAGES})[]"
)
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "rollouts": {**_ABOUT, **_WORTH, "rollout": "VARCHAR", "result": "VARCHAR"},
    "sft": {**_ABOUT, **_WORTH, "messages": _MESSAGES},
    "pairs": {
        **_GROUP,
        "chosen": _MESSAGES,
        "rejected": _MESSAGES,
        "chosenReward": "DOUBLE",
        "rejectedReward": "DOUBLE",
        "margin": "DOUBLE",
        "chosenRolloutId": "VARCHAR",
        "rejectedRolloutId": "VARCHAR",
        "chosenPolicyVersion": "VARCHAR",
        "rejectedPolicyVersion": "VARCHAR",
    },
    "ranked": {**_GROUP, "responses": _RESPONSE},
    "judge": {
        **_ABOUT,
        **_WORTH,
        "prompt": _MESSAGES,
        "response": _MESSAGES,
        "reference": "VARCHAR",
        "components": "VARCHAR",
        "evidence": "VARCHAR",
    },
}
"""The columns of each kind, with the types of their Parquet; nested JSON is text there."""

GROUPED = frozenset({"pairs", "ranked"})
"""Kinds of which a row needs a whole group."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A stored rollout with its answer; ``task`` where its reference was sent apart and is still there."""

    rollout: rollout_pb2.Rollout
    result: rollout_pb2.SampleResult
    task: rollout_pb2.Task | None = None

    @property
    def reward(self) -> float | None:
        """None = it could not be scored."""
        return self.result.score.value if self.result.HasField("score") else None

    @property
    def correct(self) -> bool:
        """By its verdict; where the reward makes no claim, whether it is above 0."""
        if self.result.score.verdict:
            return self.result.score.verdict == rollout_pb2.VERDICT_CORRECT
        return (self.reward or 0.0) > 0.0


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """Which rollouts are exported, and how preferences are made of them; see :func:`export_filter`."""

    min_reward: float | None
    max_reward: float | None
    verdict: str
    roles: frozenset[int]
    first: int
    last: int | None
    prompts: frozenset[str]
    groups: frozenset[str]
    task_types: frozenset[str]
    truncated: bool | None
    min_margin: float
    pairs: Literal["best_worst", "all"]

    def takes(self, one: Scored) -> bool:
        """Whether a rollout is exported."""
        return self._takes_rollout(one.rollout) and self._takes_worth(one)

    def _takes_rollout(self, rollout: rollout_pb2.Rollout) -> bool:
        cut = rollout.state == rollout_pb2.ROLLOUT_STATE_TRUNCATED
        return (
            self.first <= rollout.global_step
            and (self.last is None or rollout.global_step <= self.last)
            and (not self.roles or (rollout.role or Role.POLICY) in self.roles)
            and (not self.prompts or rollout.prompt_id in self.prompts)
            and (not self.groups or rollout.group_id in self.groups)
            and (not self.task_types or rollout.task_type in self.task_types)
            and (self.truncated is None or cut == self.truncated)
        )

    def _takes_worth(self, one: Scored) -> bool:
        reward = one.reward
        if reward is None:
            return self.min_reward is None and self.max_reward is None and self.verdict == "any"
        return (
            (self.min_reward is None or reward >= self.min_reward)
            and (self.max_reward is None or reward <= self.max_reward)
            and (self.verdict == "any" or one.correct == (self.verdict == "correct"))
        )


def export_filter(kind: str, given: Mapping[str, Json]) -> ExportFilter:
    """The filter of a request; ``sft`` takes what is right unless it says otherwise.

    Raises:
        ParameterError: a parameter is unknown, of the wrong type or out of bounds.
        InputError: a role is none.
    """
    build: Callable[..., ExportFilter] = _filter
    return build(kind == "sft", **bind(_PARAMETERS, given))


def _filter(
    right_only: bool = False,
    *,
    min_reward: float | None = None,
    max_reward: float | None = None,
    verdict: Literal["any", "correct", "incorrect"] | None = None,
    roles: list[str] | None = None,
    global_steps: tuple[int, int] | None = None,
    prompt_ids: list[str] | None = None,
    group_ids: list[str] | None = None,
    task_types: list[str] | None = None,
    truncated: bool | None = None,
    min_margin: float = 0.0,
    pairs: Literal["best_worst", "all"] = "best_worst",
) -> ExportFilter:
    require(min_margin >= 0.0, "min_margin", "a number >= 0", min_margin)
    names = {role.name.lower(): int(role) for role in Role}
    for place, role in enumerate(roles or ()):
        if role not in names:
            raise InputError(f"roles[{place}]", f"expected one of {', '.join(names)}")
    first, last = global_steps or (0, None)
    return ExportFilter(
        min_reward=min_reward,
        max_reward=max_reward,
        verdict=verdict or ("correct" if right_only else "any"),
        roles=frozenset(names[role] for role in roles or ()),
        first=first,
        last=last,
        prompts=frozenset(prompt_ids or ()),
        groups=frozenset(group_ids or ()),
        task_types=frozenset(task_types or ()),
        truncated=truncated,
        min_margin=min_margin,
        pairs=pairs,
    )


_PARAMETERS = parameters_of(_filter)


# ---------------------------------------------------------------- rows


def rows_of(kind: Kind, members: Sequence[Scored], wanted: ExportFilter) -> Iterator[Row]:
    """The rows that rollouts make: each of its own, or, for pairs and rankings, those of one group together."""
    taken = [one for one in members if wanted.takes(one)]
    match kind:
        case "rollouts":
            return map(_rollout_row, taken)
        case "sft":
            return map(_sft_row, (one for one in taken if one.reward is not None))
        case "judge":
            return map(_judge_row, (one for one in taken if one.reward is not None))
        case "pairs":
            return _pair_rows(_ordered(taken), wanted)
        case "ranked":
            return _ranked_rows(_ordered(taken))


def line_of(row: Row) -> bytes:
    """A row as a line of JSON."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _ordered(members: Iterable[Scored]) -> list[Scored]:
    return sorted((one for one in members if one.reward is not None), key=lambda one: one.rollout.rollout_id)


def _about(one: Scored) -> Row:
    rollout = one.rollout
    return {
        "rolloutId": rollout.rollout_id,
        "groupId": rollout.group_id,
        "promptId": rollout.prompt_id,
        "globalStep": rollout.global_step,
        "role": _role(one),
        "policyVersion": _policy_version(one),
        "hintLevel": rollout.hint_level,
        "reward": one.reward,
        "verdict": _verdict(one),
    }


def _rollout_row(one: Scored) -> Row:
    return {**_about(one), "rollout": message_to_json(one.rollout), "result": sample_result_to_json(one.result)}


def _sft_row(one: Scored) -> Row:
    prompt, response = conversation(one.rollout)
    return {**_about(one), "messages": [*prompt, *response]}


def _judge_row(one: Scored) -> Row:
    prompt, response = conversation(one.rollout)
    score = message_to_json(one.result.score)
    held = one.task.reference_json if one.task is not None else one.rollout.reference_json
    return {
        **_about(one),
        "prompt": prompt,
        "response": response,
        "reference": json.loads(held) if held else None,
        "components": score.get("components", {}),
        "evidence": score.get("evidence", {}),
    }


def _group_row(members: Sequence[Scored]) -> Row:
    first = members[0].rollout
    prompt, _ = conversation(first)
    about: Row = {"groupId": first.group_id, "promptId": first.prompt_id, "globalStep": first.global_step}
    return {**about, "prompt": prompt}


def _pair_rows(members: Sequence[Scored], wanted: ExportFilter) -> Iterator[Row]:
    rewards: list[Json] = [one.reward for one in members]
    made = (
        best_worst({}, {"rewards": rewards}) if wanted.pairs == "best_worst" else difference({}, {"rewards": rewards})
    )
    for pair in cast("list[Mapping[str, float]]", made["pairs"]):
        if pair["margin"] < wanted.min_margin:
            continue
        chosen, rejected = members[int(pair["chosen"])], members[int(pair["rejected"])]
        yield {
            **_group_row(members),
            "chosen": conversation(chosen.rollout)[1],
            "rejected": conversation(rejected.rollout)[1],
            "chosenReward": chosen.reward,
            "rejectedReward": rejected.reward,
            "margin": pair["margin"],
            "chosenRolloutId": chosen.rollout.rollout_id,
            "rejectedRolloutId": rejected.rollout.rollout_id,
            "chosenPolicyVersion": _policy_version(chosen),
            "rejectedPolicyVersion": _policy_version(rejected),
        }


def _ranked_rows(members: Sequence[Scored]) -> Iterator[Row]:
    if len(members) < 2:
        return
    best_first = sorted(members, key=lambda one: -(one.reward or 0.0))
    ranks: dict[float | None, int] = {}
    for place, one in enumerate(best_first, 1):
        ranks.setdefault(one.reward, place)
    responses: list[Json] = [
        {
            "rolloutId": one.rollout.rollout_id,
            "rank": ranks[one.reward],
            "reward": one.reward,
            "verdict": _verdict(one),
            "role": _role(one),
            "policyVersion": _policy_version(one),
            "messages": conversation(one.rollout)[1],
        }
        for one in best_first
    ]
    yield {**_group_row(members), "responses": responses}


def _verdict(one: Scored) -> str:
    return rollout_pb2.Verdict.Name(one.result.score.verdict).removeprefix("VERDICT_").lower()


def _role(one: Scored) -> str:
    return Role(one.rollout.role or Role.POLICY).name.lower()


def _policy_version(one: Scored) -> str:
    """Of the last step: what finished the rollout."""
    steps = one.rollout.steps
    return steps[-1].policy_version if len(steps) else ""


# ---------------------------------------------------------------- conversations


def conversation(rollout: rollout_pb2.Rollout) -> tuple[list[Json], list[Json]]:
    """The prompt, and what followed, as chat messages: actions are the assistant's, observations the user's.

    The prompt is the rollout's, else that of its first step; prompts of later steps repeat what was said before and
    are left out.
    """
    asked = rollout.prompt if len(rollout.prompt.parts) else rollout.steps[0].prompt if len(rollout.steps) else None
    prompt = [] if asked is None else _messages(asked, "user")
    response: list[Json] = []
    for place, step in enumerate(rollout.steps):
        response += _messages(step.action, "assistant")
        if place + 1 < len(rollout.steps):
            response += [_said("tool", result.text) for result in step.tool_results]
            response += _messages(step.observation, "user")
    return prompt, response


def _messages(content: rollout_pb2.Content, role: str) -> list[Json]:
    """Chat messages as they are; all other parts together as one of this role."""
    if any(part.WhichOneof("part") == "message" for part in content.parts):
        return [
            _said(part.message.role, part.message.text)
            if part.WhichOneof("part") == "message"
            else _said(role, text_of(rollout_pb2.Content(parts=[part])))
            for part in content.parts
        ]
    return [_said(role, text_of(content))] if len(content.parts) else []


def _said(role: str, text: str) -> Json:
    return {"role": role, "content": text}
