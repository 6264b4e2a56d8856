"""The plugin SDK: what rewards, estimators and environments are written against.

Importable without grpc and protobuf. Built-in rewards are written with exactly these names.
"""

from assay.sdk.environments import EpisodeOver, InvalidOptions, ResetResult, StepResult
from assay.sdk.parameters import JudgeName
from assay.sdk.plugins import (
    FinishedGroup,
    GroupMember,
    PluginDefinition,
    PluginKind,
    batch_reward,
    environment,
    estimator,
    group_reward,
    selector,
)
from assay.sdk.ports import (
    Blobs,
    Judge,
    JudgeRequest,
    JudgeVerdict,
    Ports,
    PortUnavailable,
    QueryError,
    QueryResult,
    Sandbox,
    SqlRunner,
    Strictness,
    SuiteReport,
    SuiteTest,
    Symbolic,
    SymbolicVerdict,
)
from assay.sdk.rewards import Lane, RewardDefinition, reward
from assay.sdk.samples import Evidence, Json, Sample, Score, SpanReward, Step, ToolCall, Unscorable, Verdict

__all__ = [
    "Blobs",
    "EpisodeOver",
    "Evidence",
    "FinishedGroup",
    "GroupMember",
    "InvalidOptions",
    "Json",
    "Judge",
    "JudgeName",
    "JudgeRequest",
    "JudgeVerdict",
    "Lane",
    "PluginDefinition",
    "PluginKind",
    "PortUnavailable",
    "Ports",
    "QueryError",
    "QueryResult",
    "ResetResult",
    "RewardDefinition",
    "Sample",
    "Sandbox",
    "Score",
    "SpanReward",
    "SqlRunner",
    "Step",
    "StepResult",
    "Strictness",
    "SuiteReport",
    "SuiteTest",
    "Symbolic",
    "SymbolicVerdict",
    "ToolCall",
    "Unscorable",
    "Verdict",
    "batch_reward",
    "environment",
    "estimator",
    "group_reward",
    "reward",
    "selector",
]
