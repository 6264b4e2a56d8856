"""The plugin SDK: what rewards, estimators and environments are written against.

Importable without grpc and protobuf. Built-in rewards are written with exactly these names.
"""

from assay.sdk.rewards import (
    Lane,
    RewardDefinition,
    reward,
)
from assay.sdk.samples import Evidence, Json, Sample, Score, SpanReward, Step, Unscorable, Verdict

__all__ = [
    "Evidence",
    "Json",
    "Lane",
    "RewardDefinition",
    "Sample",
    "Score",
    "SpanReward",
    "Step",
    "Unscorable",
    "Verdict",
    "reward",
]
