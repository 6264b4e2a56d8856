"""Assay: send rollouts, get rewards, step groups and advantages back.

::

    import assay

    client = assay.Client("localhost:50051")
    results = client.score([assay.Rollout("r1", reference={"answer": "18"}, response="... so A: 18")], reward="math")
    print(results[0].value)

Names are imported when they are first used, so that ``import assay`` costs little and ``assay.sdk`` needs neither
grpc nor protobuf.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay import aio as aio
    from assay.catalogue import EstimatorInfo as EstimatorInfo
    from assay.catalogue import RewardInfo as RewardInfo
    from assay.client import Client as Client
    from assay.code import CodeJob as CodeJob
    from assay.code import CodeLimits as CodeLimits
    from assay.code import CodeOutcome as CodeOutcome
    from assay.code import CodeResult as CodeResult
    from assay.code import CodeTest as CodeTest
    from assay.connection import Retries as Retries
    from assay.connection import Tls as Tls
    from assay.contents import Blob as Blob
    from assay.contents import Message as Message
    from assay.contents import ToolCall as ToolCall
    from assay.contents import ToolResult as ToolResult
    from assay.episodes import EnvironmentInfo as EnvironmentInfo
    from assay.episodes import SessionPolicy as SessionPolicy
    from assay.episodes import prompt_with_history as prompt_with_history
    from assay.errors import Aborted as Aborted
    from assay.errors import AlreadyExists as AlreadyExists
    from assay.errors import AssayError as AssayError
    from assay.errors import Cancelled as Cancelled
    from assay.errors import DataLoss as DataLoss
    from assay.errors import DeadlineExceeded as DeadlineExceeded
    from assay.errors import FailedPrecondition as FailedPrecondition
    from assay.errors import Failure as Failure
    from assay.errors import Internal as Internal
    from assay.errors import InvalidArgument as InvalidArgument
    from assay.errors import Misuse as Misuse
    from assay.errors import NotFound as NotFound
    from assay.errors import NotScored as NotScored
    from assay.errors import PermissionDenied as PermissionDenied
    from assay.errors import ResourceExhausted as ResourceExhausted
    from assay.errors import ServiceFailed as ServiceFailed
    from assay.errors import StaleGeneration as StaleGeneration
    from assay.errors import StreamClosed as StreamClosed
    from assay.errors import StreamReplaced as StreamReplaced
    from assay.errors import Unauthenticated as Unauthenticated
    from assay.errors import Unavailable as Unavailable
    from assay.errors import Unimplemented as Unimplemented
    from assay.errors import Violation as Violation
    from assay.groups import RolloutGroup as RolloutGroup
    from assay.groups import ScoredRollout as ScoredRollout
    from assay.histories import MetricSeries as MetricSeries
    from assay.histories import SampledPrompt as SampledPrompt
    from assay.json_mapping import JsonMappingError as JsonMappingError
    from assay.plugins import PluginFinding as PluginFinding
    from assay.plugins import PluginInfo as PluginInfo
    from assay.results import BatchProgress as BatchProgress
    from assay.results import BatchResult as BatchResult
    from assay.results import GroupOutcome as GroupOutcome
    from assay.results import GroupResult as GroupResult
    from assay.results import Member as Member
    from assay.results import MemberOutcome as MemberOutcome
    from assay.results import SampleResult as SampleResult
    from assay.results import Score as Score
    from assay.rollouts import Anchor as Anchor
    from assay.rollouts import Rollout as Rollout
    from assay.rollouts import RolloutRole as RolloutRole
    from assay.rollouts import RolloutState as RolloutState
    from assay.rollouts import Step as Step
    from assay.runs import Checkpoint as Checkpoint
    from assay.runs import DeliveryMode as DeliveryMode
    from assay.runs import JudgeQuota as JudgeQuota
    from assay.runs import RunConfig as RunConfig
    from assay.runs import RunInfo as RunInfo
    from assay.runs import Task as Task
    from assay.runs import TruncatedPolicy as TruncatedPolicy
    from assay.runs import UnscoredPolicy as UnscoredPolicy
    from assay.sdk.samples import Evidence as Evidence
    from assay.sdk.samples import SpanReward as SpanReward
    from assay.sdk.samples import Verdict as Verdict
    from assay.sdk.spec import AnchorRecipe as AnchorRecipe
    from assay.sdk.spec import Ensemble as Ensemble
    from assay.sdk.spec import EnsembleKind as EnsembleKind
    from assay.sdk.spec import EstimatorChoice as EstimatorChoice
    from assay.sdk.spec import FilterChoice as FilterChoice
    from assay.sdk.spec import Gate as Gate
    from assay.sdk.spec import Grouping as Grouping
    from assay.sdk.spec import Leaf as Leaf
    from assay.sdk.spec import OutputChoice as OutputChoice
    from assay.sdk.spec import Product as Product
    from assay.sdk.spec import Route as Route
    from assay.sdk.spec import SimilarityOrder as SimilarityOrder
    from assay.sdk.spec import WeightedSum as WeightedSum
    from assay.streams import RolloutStream as RolloutStream
    from assay.vector import VectorEnvironment as VectorEnvironment

_HOMES = {
    "catalogue": ("EstimatorInfo", "RewardInfo"),
    "client": ("Client",),
    "code": ("CodeJob", "CodeLimits", "CodeOutcome", "CodeResult", "CodeTest"),
    "connection": ("Retries", "Tls"),
    "contents": ("Blob", "Message", "ToolCall", "ToolResult"),
    "episodes": ("EnvironmentInfo", "SessionPolicy", "prompt_with_history"),
    "errors": (
        "Aborted", "AlreadyExists", "AssayError", "Cancelled", "DataLoss", "DeadlineExceeded", "FailedPrecondition",
        "Failure", "Internal", "InvalidArgument", "Misuse", "NotFound", "NotScored", "PermissionDenied",
        "ResourceExhausted", "ServiceFailed", "StaleGeneration", "StreamClosed", "StreamReplaced", "Unauthenticated",
        "Unavailable", "Unimplemented", "Violation",
    ),
    "groups": ("RolloutGroup", "ScoredRollout"),
    "histories": ("MetricSeries", "SampledPrompt"),
    "json_mapping": ("JsonMappingError",),
    "plugins": ("PluginFinding", "PluginInfo"),
    "results": (
        "BatchProgress", "BatchResult", "GroupOutcome", "GroupResult", "Member", "MemberOutcome", "SampleResult",
        "Score",
    ),
    "rollouts": ("Anchor", "Rollout", "RolloutRole", "RolloutState", "Step"),
    "runs": (
        "Checkpoint", "DeliveryMode", "JudgeQuota", "RunConfig", "RunInfo", "Task", "TruncatedPolicy",
        "UnscoredPolicy",
    ),
    "sdk.samples": ("Evidence", "SpanReward", "Verdict"),
    "sdk.spec": (
        "AnchorRecipe", "Ensemble", "EnsembleKind", "EstimatorChoice", "FilterChoice", "Gate", "Grouping", "Leaf",
        "OutputChoice", "Product", "Route", "SimilarityOrder", "WeightedSum",
    ),
    "streams": ("RolloutStream",),
    "vector": ("VectorEnvironment",),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "aio":
        return importlib.import_module("assay.aio")
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'assay' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"assay.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, "aio"})
