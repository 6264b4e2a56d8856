"""What a compiled reward says of one sample."""

from __future__ import annotations

from collections.abc import Mapping

from assay.sdk import Evidence, SpanReward, Verdict
from assay.sdk.values import value


@value
class Assessment:
    """The value of a sample under a reward spec, with everything that explains it.

    Attributes:
        value: finite.
        verdict: of the tree; see :func:`assay_server.rewards.tree.compile_reward`.
        components: every leaf's value by component name, ``name/part`` for the parts of a leaf.
        evidence: by component name.
        constraints: True = kept.
        answer_key: of the first leaf that has one.
        rewards: ``id@digest`` (12 digits) of every reward that spoke.
        spans: process rewards on parts of the steps' actions.
    """

    value: float
    verdict: Verdict
    components: Mapping[str, float]
    evidence: Mapping[str, Evidence]
    constraints: Mapping[str, bool]
    answer_key: str
    rewards: tuple[str, ...]
    spans: tuple[SpanReward, ...]
