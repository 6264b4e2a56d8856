"""Grouping of steps and advantage estimators: pure functions from scored groups to advantages."""

from assay_server.estimators.catalogue import (
    ESTIMATORS,
    AnyEstimator,
    BatchAdvantages,
    Estimator,
    Estimators,
    compile_estimator,
    find_estimator,
)
from assay_server.estimators.definition import EstimatorDefinition, Scope
from assay_server.estimators.errors import (
    InputError,
    MethodError,
    ParameterError,
    UnknownEstimator,
    UnknownFilter,
    UnknownMethod,
)
from assay_server.estimators.groups import (
    NO_STATE,
    AnchorState,
    Group,
    GroupAdvantages,
    GroupStatistics,
    Member,
    MemberOutcome,
    NoState,
    Role,
    StepRecord,
)
from assay_server.estimators.plugged import PluggedEstimator, missing_signal, told_of

__all__ = [
    "ESTIMATORS",
    "NO_STATE",
    "AnchorState",
    "AnyEstimator",
    "BatchAdvantages",
    "Estimator",
    "EstimatorDefinition",
    "Estimators",
    "Group",
    "GroupAdvantages",
    "GroupStatistics",
    "InputError",
    "Member",
    "MemberOutcome",
    "MethodError",
    "NoState",
    "ParameterError",
    "PluggedEstimator",
    "Role",
    "Scope",
    "StepRecord",
    "UnknownEstimator",
    "UnknownFilter",
    "UnknownMethod",
    "compile_estimator",
    "find_estimator",
    "missing_signal",
    "told_of",
]
