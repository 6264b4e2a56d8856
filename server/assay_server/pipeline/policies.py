"""What a run remembers of its prompts and how it chooses them, compiled from its spec. Pure."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from assay.v1 import run_service_pb2 as wire
from assay_server.estimators import InputError, ParameterError
from assay_server.estimators.errors import UnknownMethod
from assay_server.pipeline.failures import Violation, invalid, invalid_field
from assay_server.pipeline.json_fields import parse_object
from assay_server.sampling.run_state import StatePolicy, state_policy
from assay_server.sampling.task_sampling import Sampling, compile_sampling


@dataclass(frozen=True, slots=True)
class RunPolicies:
    """The policies of a run."""

    state: StatePolicy
    sampling: Sampling


NO_POLICIES = RunPolicies(StatePolicy(), compile_sampling({}))


def compile_policies(spec: wire.RunSpec) -> RunPolicies:
    """The policies that a spec names.

    Raises:
        Failure: INVALID_ARGUMENT with the path of the field that is wrong.
    """
    with refusals("spec.state_policy", "spec.state_policy", "UNKNOWN_POLICY"):
        state = state_policy(parse_object(spec.state_policy_json, "spec.state_policy_json"))
    with refusals("spec.sampling_policy.params", "spec.sampling_policy", "UNKNOWN_POLICY"):
        sampling = compile_sampling(parse_object(spec.sampling_policy_json, "spec.sampling_policy_json"))
    return RunPolicies(state, sampling)


@contextmanager
def refusals(params: str, inputs: str, unknown: str) -> Generator[None]:
    """Refusals of pure methods as failures.

    Args:
        params: path of the parameters in the request; ``inputs`` likewise, empty where they are the request itself.
        unknown: the reason where nothing has the id that is named.

    Raises:
        Failure: INVALID_ARGUMENT.
    """
    prefix = f"{inputs}." if inputs else ""
    try:
        yield
    except ParameterError as error:
        raise invalid_field(f"{params}.{error.field}", error.message) from error
    except InputError as error:
        raise invalid_field(f"{prefix}{error.field}", error.message) from error
    except UnknownMethod as error:
        message = str(error)
        raise invalid(f"{prefix}id: {message}", (Violation(f"{prefix}id", message),), unknown) from error
