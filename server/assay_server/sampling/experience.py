"""A library of what groups taught, and rollouts as lines of data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Literal, TypeAlias

from assay.sdk.samples import Json
from assay_server.estimators.case_values import given, listed, mapping, number, text
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.errors import InputError
from assay_server.estimators.rows import Rows, whole_number

Kind: TypeAlias = Literal["trajectories", "pointwise", "pairwise", "reflection"]


@method(
    "library/experience-v1",
    reach="run",
    inputs="library {version, entries {id: text}}; operations [{op: add, modify or delete, id, text}]; version that "
    "they were made for, may be left out; trajectories [{group, rollout, reward}] and group, to find its best",
    formula="operations in order; version + 1 where anything changed; found = the group's trajectories, best first",
    edges="Adding what is there, changing or deleting what is not, or another version: refused, and nothing is "
    "changed. Equal rewards: earlier first.",
    source="Training-Free GRPO, AlphaOPT",
)
def experience(inputs: Mapping[str, Json]) -> Outputs:
    """Insights that are kept, changed and forgotten."""
    library = mapping(given(inputs, "library"), "library")
    version = whole_number(library, "version")
    entries = dict(mapping(library.get("entries", {}), "library.entries"))
    if "version" in inputs and whole_number(inputs, "version") != version:
        raise InputError("version", f"the library is at version {version}: read it again")
    before = dict(entries)
    for place, value in enumerate(listed(inputs, "operations") if "operations" in inputs else []):
        _apply(entries, mapping(value, f"operations[{place}]"), f"operations[{place}]")
    found: Outputs = {"library": {"version": version + (entries != before), "entries": entries}}
    if "group" in inputs:
        rows = Rows(inputs, "trajectories")
        rewards = rows.numbers("reward").tolist()
        own = [place for place, name in enumerate(rows.values("group")) if name == inputs["group"]]
        best = sorted(own, key=lambda place: -rewards[place])
        found["found"] = [{"rollout": rows.items[place].get("rollout"), "reward": rewards[place]} for place in best]
    return found


@method(
    "export/rollouts-v1",
    reach="batch",
    inputs="rollouts {rollout, group, prompt, response, reward}; policy_version, steps, revision may be left out",
    formula="one object a line, in the order of the rollouts: trajectories with step boundaries and terminal reward; "
    "pointwise judgements; pairwise of each two of a group that differ; reflection: a response and its revision",
    edges="Failures are kept. Equal rewards: no pair. No revision: no line of reflection.",
    source="SPARK, OREO, Direct Advantage Policy Optimization, Preference Fine-Tuning Should Leverage On-Policy Data",
)
def export_rollouts(inputs: Mapping[str, Json], *, kind: Kind = "trajectories") -> Outputs:
    """Rollouts as data of another training; ExportRollouts streams those of a run."""
    rows = Rows(inputs)
    rewards = rows.numbers("reward").tolist()
    for column in ("prompt", "response"):
        for place, value in enumerate(rows.values(column)):
            text(value, rows.path(place, column))
    return {"lines": _KINDS[kind](rows, rewards)}


EXPERIENCE_METHODS = table(experience, export_rollouts)


def _apply(entries: dict[str, Json], operation: Mapping[str, Json], path: str) -> None:
    kind, name = (text(given(operation, key, f"{path}."), f"{path}.{key}") for key in ("op", "id"))
    if kind not in ("add", "modify", "delete"):
        raise InputError(f"{path}.op", f"expected add, modify or delete, got {kind!r}")
    if (name in entries) == (kind == "add"):
        raise InputError(f"{path}.id", f"{name!r} is {'there already' if kind == 'add' else 'not there'}")
    if kind == "delete":
        del entries[name]
    else:
        entries[name] = text(given(operation, "text", f"{path}."), f"{path}.text")


def _trajectories(rows: Rows, rewards: list[float]) -> list[Json]:
    return [
        {
            "rollout": item.get("rollout"),
            "group": item.get("group"),
            "prompt": item["prompt"],
            "response": item["response"],
            "steps": item.get("steps", []),
            "terminal_reward": reward,
            "policy_version": item.get("policy_version"),
        }
        for item, reward in zip(rows.items, rewards, strict=True)
    ]


def _pointwise(rows: Rows, rewards: list[float]) -> list[Json]:
    return [
        {"prompt": item["prompt"], "response": item["response"], "judgement": reward}
        for item, reward in zip(rows.items, rewards, strict=True)
    ]


def _pairwise(rows: Rows, rewards: list[float]) -> list[Json]:
    groups = rows.partition.index.tolist()
    members: list[list[int]] = [[] for _ in rows.names]
    for place, group in enumerate(groups):
        members[group].append(place)
    lines: list[Json] = []
    for own in members:
        for one, other in combinations(own, 2):
            if rewards[one] != rewards[other]:
                better, worse = (one, other) if rewards[one] > rewards[other] else (other, one)
                lines.append(
                    {
                        "prompt": rows.items[better]["prompt"],
                        "chosen": rows.items[better]["response"],
                        "rejected": rows.items[worse]["response"],
                        "margin": rewards[better] - rewards[worse],
                    }
                )
    return lines


def _reflection(rows: Rows, rewards: list[float]) -> list[Json]:
    lines: list[Json] = []
    for place, (item, reward) in enumerate(zip(rows.items, rewards, strict=True)):
        if item.get("revision") is None:
            continue
        revision = mapping(item["revision"], rows.path(place, "revision"))
        after = number(given(revision, "reward", rows.path(place, "revision.")), rows.path(place, "revision.reward"))
        lines.append(
            {
                "prompt": item["prompt"],
                "response": item["response"],
                "revision": given(revision, "response", rows.path(place, "revision.")),
                "improved": after > reward,
            }
        )
    return lines


_KINDS: Mapping[Kind, Callable[[Rows, list[float]], list[Json]]] = {
    "trajectories": _trajectories,
    "pointwise": _pointwise,
    "pairwise": _pairwise,
    "reflection": _reflection,
}
