"""Rollouts that are sampled with help and trained without it: retries from a pivot, prompts with a privilege."""

from __future__ import annotations

from collections.abc import Mapping

from assay.sdk.samples import Json
from assay_server.estimators.case_values import given, listed, mapping, text
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import DataLoss, InputError
from assay_server.estimators.rows import whole_number

_MOST_MEMBERS = 100_000


@method(
    "rescue/reflect_retry-v1",
    reach="group",
    inputs="base [{digests: of the observations, one per step, retry_from_step (null: no retry), guidance}]; replayed "
    "[digests per base rollout, null where nothing was replayed], may be left out",
    formula="each base rollout whose critique names a step is replayed to it, given the guidance, and goes on with "
    "role retry; it is trained from that step on",
    edges="A replay whose digests differ from the base's: DATA_LOSS. A step behind the end: refused. At most as many "
    "retries as base rollouts.",
    source="R^3L (Reflect-then-Retry)",
)
def reflect_retry(inputs: Mapping[str, Json]) -> Outputs:
    """Half of a group is tried again from where it went wrong."""
    replays = listed(inputs, "replayed") if "replayed" in inputs else []
    base = listed(inputs, "base")
    if replays and len(replays) != len(base):
        raise InputError("replayed", f"expected one for each of {len(base)} base rollouts, got {len(replays)}")
    retries: list[Json] = []
    for place, value in enumerate(base):
        path = f"base[{place}]"
        item = mapping(value, path)
        digests = _digests(given(item, "digests", f"{path}."), f"{path}.digests")
        if given(item, "retry_from_step", f"{path}.") is None:
            continue
        pivot = whole_number({f"{path}.retry_from_step": item["retry_from_step"]}, f"{path}.retry_from_step")
        if pivot > len(digests):
            raise InputError(f"{path}.retry_from_step", f"expected 0 to {len(digests)}, got {pivot}")
        if replays and replays[place] is not None:
            _agree(digests[:pivot], _digests(replays[place], f"replayed[{place}]"), place)
        guidance = text(item.get("guidance", ""), f"{path}.guidance")
        retries.append(
            {"base": place, "role": "retry", "fork_step": pivot, "replayed_steps": pivot, "guidance": guidance}
        )
    return {"retries": retries}


@method(
    "rescue/privileged_prompt-v1",
    reach="group",
    inputs="prompt; policy: the text that members are sampled with and trained without; members: how many",
    formula="the first round(share x members) are sampled under policy + prompt, the others under prompt; all are "
    "trained under prompt",
    edges="Empty policy: nobody is privileged.",
    source="TriMPI, PolicyRollout (Multimodal Policy Internalization)",
)
def privileged_prompt(inputs: Mapping[str, Json], *, share: float = 0.5) -> Outputs:
    """What the policy shall know by heart is in the context only while it is sampled."""
    require(0.0 <= share <= 1.0, "share", "a number in [0, 1]", share)
    prompt, policy = (text(given(inputs, name), name) for name in ("prompt", "policy"))
    members = whole_number(inputs, "members")
    if members > _MOST_MEMBERS:
        raise InputError("members", f"expected up to {_MOST_MEMBERS}, got {members}")
    privileged = int(share * members + 0.5) if policy else 0
    helped = f"{policy}\n\n{prompt}"
    return {
        "members": [
            {
                "privileged": place < privileged,
                "role": "hinted" if place < privileged else "policy",
                "sampled_under": helped if place < privileged else prompt,
                "trained_under": prompt,
            }
            for place in range(members)
        ]
    }


RETRY_METHODS = table(reflect_retry, privileged_prompt)


def _digests(value: Json, path: str) -> list[str]:
    return [text(digest, f"{path}[{place}]") for place, digest in enumerate(listed({path: value}, path))]


def _agree(base: list[str], replayed: list[str], place: int) -> None:
    if base != replayed[: len(base)] or len(replayed) < len(base):
        where = next((i for i, (a, b) in enumerate(zip(base, replayed, strict=False)) if a != b), len(replayed))
        raise DataLoss(f"replayed[{place}]", f"step {where} of base rollout {place} was not reproduced")
