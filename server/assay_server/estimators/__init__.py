"""Grouping of steps and advantage estimators: pure functions from scored groups to advantages."""

from assay_server.estimators.catalogue import (
    ESTIMATORS,
    BatchAdvantages,
    Estimator,
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

__all__ = [
    "ESTIMATORS",
    "NO_STATE",
    "AnchorState",
    "BatchAdvantages",
    "Estimator",
    "EstimatorDefinition",
    "Group",
    "GroupAdvantages",
    "GroupStatistics",
    "InputError",
    "Member",
    "MemberOutcome",
    "MethodError",
    "NoState",
    "ParameterError",
    "Role",
    "Scope",
    "StepRecord",
    "UnknownEstimator",
    "UnknownFilter",
    "UnknownMethod",
    "compile_estimator",
    "find_estimator",
]
