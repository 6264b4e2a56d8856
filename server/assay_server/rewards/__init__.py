"""Rewards: what a sample is worth, and why. Pure.

A reward is one module of this package with a function declared by :func:`assay.sdk.reward`; the catalogue finds it.
"""

from assay_server.rewards.assessment import Assessment
from assay_server.rewards.catalogue import Catalogue, builtin_catalogue
from assay_server.rewards.equivalence import equivalence_classes
from assay_server.rewards.errors import DefinitionConflict, RewardError, SpecError, UnknownReward
from assay_server.rewards.tree import CompiledReward, compile_reward

__all__ = [
    "Assessment",
    "Catalogue",
    "CompiledReward",
    "DefinitionConflict",
    "RewardError",
    "SpecError",
    "UnknownReward",
    "builtin_catalogue",
    "compile_reward",
    "equivalence_classes",
]
