from __future__ import annotations

import subprocess
import sys

import pytest

import assay

EXPORTS = (
    "Aborted", "AlreadyExists", "Anchor", "AnchorRecipe", "AssayError", "BatchProgress", "BatchResult", "Blob",
    "Cancelled", "Checkpoint", "Client", "CodeJob", "CodeLimits", "CodeOutcome", "CodeResult", "CodeTest",
    "DataLoss", "DeadlineExceeded", "DeliveryMode", "Ensemble", "EnsembleKind", "EnvironmentInfo",
    "EstimatorChoice", "EstimatorInfo", "Evidence", "FailedPrecondition", "Failure",
    "FilterChoice", "Gate", "GroupOutcome", "GroupResult", "Grouping", "Internal", "InvalidArgument",
    "JsonMappingError", "JudgeQuota", "Leaf", "Member", "MemberOutcome", "Message", "MetricSeries", "Misuse",
    "NotFound", "NotScored", "OutputChoice", "PermissionDenied", "PluginFinding", "PluginInfo",
    "Product", "ResourceExhausted", "Retries", "RewardInfo", "Rollout",
    "RolloutGroup", "RolloutRole", "RolloutState", "RolloutStream", "Route", "RunConfig", "RunInfo", "SampleResult",
    "SampledPrompt",
    "Score", "ScoredRollout", "ServiceFailed", "SessionPolicy", "SimilarityOrder", "SpanReward", "StaleGeneration",
    "Step", "StreamClosed", "StreamReplaced", "Task", "Tls", "ToolCall", "ToolResult", "TruncatedPolicy",
    "Unauthenticated", "Unavailable", "Unimplemented", "UnscoredPolicy", "VectorEnvironment", "Verdict",
    "Violation", "WeightedSum", "aio", "prompt_with_history",
)  # fmt: skip


def loaded(statement: str, *packages: str) -> list[str]:
    code = f"{statement}; import sys; print(*[p for p in {packages!r} if p in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def third_party_modules(statement: str) -> set[str]:
    names = "{name.partition('.')[0] for name in sys.modules}"
    code = f"import sys; before = {names}; {statement}; print(*{names} - before)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return {name for name in output.split() if not name.startswith("_")} - set(sys.stdlib_module_names)


def test_the_public_names_are_these_and_no_others():
    offered = [name for name in dir(assay) if not name.startswith("_")]
    submodules = {"catalogue", "client", "code", "connection", "contents", "errors", "groups", "json_mapping"}
    submodules |= {"plugins", "results"}
    submodules |= {"episodes", "histories", "integrations", "vector"}
    submodules |= {"rollout_messages", "rollouts", "runs", "sdk", "signals", "spec_messages", "streams", "v1"}
    extra = {"annotations", "importlib", "TYPE_CHECKING"}
    assert sorted(set(offered) - submodules - extra) == sorted(EXPORTS)


def test_a_name_that_was_used_before_is_listed_once():
    assert assay.Client
    assert dir(assay).count("Client") == 1


@pytest.mark.parametrize("name", EXPORTS)
def test_every_public_name_can_be_had_and_is_documented(name: str):
    assert getattr(assay, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Clientt'"):
        _ = assay.Clientt  # pyright: ignore[reportAttributeAccessIssue] - that is the point


def test_importing_the_package_or_the_sdk_needs_neither_grpc_nor_protobuf():
    assert loaded("import assay", "grpc", "google.protobuf", "numpy") == []
    assert loaded("import assay.sdk", "grpc", "google.protobuf") == []


def test_values_need_no_grpc():
    assert loaded("import assay; assay.Rollout, assay.SampleResult, assay.RunConfig", "grpc") == []


def test_the_client_brings_in_grpc_protobuf_and_numpy_only():
    found = third_party_modules("import assay; assay.Client")
    grpc_looks_for = {"grpc_health", "grpc_reflection", "grpc_status", "grpc_channelz", "grpc_csds", "grpc_admin"}
    assert found <= {"assay", "google", "grpc", "numpy", "cython_runtime", "typing_extensions"} | grpc_looks_for
