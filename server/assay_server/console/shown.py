"""A group and a rollout as JSON, of a size that a page can hold. Pure."""

from __future__ import annotations

import math
from typing import Final

from assay.json_mapping import message_to_json, sample_result_to_json
from assay.sdk import Json
from assay.v1 import rollout_pb2
from assay_server.console.run_index import moments

MOST_CHARACTERS: Final = 100_000
_MOST_ITEMS: Final = 50_000
_DEPTH: Final = 64


def cut(value: Json, depth: int = 0) -> Json:
    """The same with long texts and lists cut; a cut text says how much is missing."""
    if isinstance(value, str):
        missing = len(value) - MOST_CHARACTERS
        return value if missing <= 0 else f"{value[:MOST_CHARACTERS]}\n[... {missing} more characters]"
    if depth >= _DEPTH:
        return None
    if isinstance(value, dict):
        return {key: cut(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [cut(item, depth + 1) for item in value[:_MOST_ITEMS]]
    return value


def shown_result(data: bytes | None) -> Json:
    """A rollout's result; None before there is one."""
    if data is None:
        return None
    return cut(dict(sample_result_to_json(rollout_pb2.SampleResult.FromString(data))))


def shown_rollout(rollout: rollout_pb2.Rollout) -> Json:
    """A rollout, its signals by name only: tensors are not for reading."""
    signals: list[Json] = [*sorted(rollout.signals)]
    rollout.ClearField("signals")
    written: dict[str, Json] = dict(message_to_json(rollout))
    if signals:
        written["signalNames"] = signals
    return cut(written)


def shown_task(task: rollout_pb2.Task | None) -> Json:
    """A task that was sent apart."""
    return None if task is None else cut(dict(message_to_json(task)))


def shown_facts(data: bytes) -> Json:
    """What stays of a group's result that is not held any more; None where nothing does."""
    if not data:
        return None
    from assay_server.console.kept_facts import kept_facts

    facts = kept_facts(data)
    mean, std = moments(facts.rewards)
    return {
        "members": facts.members,
        "rewardMean": finite(mean),
        "rewardStd": finite(std),
        "kept": facts.kept,
        "dropReason": facts.drop_reason,
        "stepHitRatio": finite(facts.hit_ratio),
    }


def finite(value: float) -> Json:
    """A number in six digits; None where it is none."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def shown_group(result: rollout_pb2.GroupResult | None) -> Json:
    """A group's result, in its arrays."""
    return None if result is None else cut(dict(message_to_json(result)))
