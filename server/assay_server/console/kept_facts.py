"""What stays of a group whose result a fleet holds no more, as the console shows it.

Reading it takes much of the pipeline, so this is imported where there is such a group and not before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from assay_server.console.errors import Unreadable
from assay_server.pipeline.facts import UnknownFacts, read_facts


@dataclass(frozen=True, slots=True)
class KeptFacts:
    """A group without its advantages.

    Attributes:
        rewards: of the members that could be scored.
        hit_ratio: the share of its steps that have a peer; NaN without steps.
    """

    members: int
    rewards: tuple[float, ...]
    kept: bool
    drop_reason: str
    hit_ratio: float


def kept_facts(data: bytes) -> KeptFacts:
    """Facts as the store keeps them. Raises Unreadable."""
    try:
        facts = read_facts(data)
    except UnknownFacts as error:
        raise Unreadable(str(error)) from error
    steps = sum(size * count for size, count in facts.step_sizes.items())
    return KeptFacts(
        len(facts.rollout_ids),
        tuple(reward for reward in facts.rewards if reward is not None),
        facts.kept,
        facts.drop_reason,
        1.0 - facts.step_sizes.get(1, 0) / steps if steps else math.nan,
    )
