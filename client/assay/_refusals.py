"""Why a rollout could not be converted: the field is looked for only after the conversion failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn, cast

from google.protobuf.message import Message as ProtoMessage

from assay._text import json_text
from assay.contents import Content, fill_content
from assay.errors import invalid
from assay.rollouts import Anchor, Rollout, Step
from assay.v1 import rollout_pb2 as v1

OPTIONAL_SCALARS = (
    "group_id", "group_size", "prompt_id", "task_type", "task_digest", "global_step", "seed", "parent_rollout_id",
    "fork_step", "hint_level", "initial_state_digest",
)  # fmt: skip
"""Fields of a rollout that are sent where they are not empty."""

_ROLLOUT_SCALARS = ("rollout_id", "role", "state", "num_tokens", "num_tool_calls", *OPTIONAL_SCALARS)
_STEP_SCALARS = ("reward", "done", "action_valid", "agent_id", "policy_version")


def explain_rollout(rollout: object, path: str, error: Exception) -> NoReturn:
    """Raise the InvalidArgument that names the field which could not be converted."""
    if not isinstance(rollout, Rollout):
        raise invalid(path, f"expected a Rollout, got {type(rollout).__name__}") from error
    _explain_scalars(v1.Rollout(), rollout, _ROLLOUT_SCALARS, path, error)
    for name in ("reference", "extra"):
        _explain_json(getattr(rollout, name), f"{path}.{name}", error, objects_only=True)
    if rollout.response is not None:
        _explain_content(rollout.response, f"{path}.response", error)
    _explain_content(rollout.prompt, f"{path}.prompt", error)
    explain_steps(rollout.steps, f"{path}.steps", error)


def explain_steps(steps: Sequence[object], path: str, error: Exception) -> NoReturn:
    """Raise the InvalidArgument that names the field of a step which could not be converted."""
    for index, step in enumerate(steps):
        here = f"{path}[{index}]"
        if isinstance(step, v1.Step):
            continue
        if not isinstance(step, Step):
            raise invalid(here, f"expected a Step, got {type(step).__name__}") from error
        _explain_scalars(v1.Step(), step, _STEP_SCALARS, here, error)
        for name in ("action", "observation", "prompt"):
            _explain_content(getattr(step, name), f"{here}.{name}", error)
        if isinstance(step.anchor, Anchor):
            _explain_json(step.anchor.state, f"{here}.anchor.state", error)
            _explain_content(step.anchor.observation, f"{here}.anchor.observation", error)
            _explain_content(step.anchor.inventory, f"{here}.anchor.inventory", error)
    raise invalid(path, str(error)) from error


def _explain_scalars(
    scratch: ProtoMessage, value: Rollout | Step, names: Sequence[str], path: str, error: Exception
) -> None:
    for name in names:
        given: object = getattr(value, name)
        if given is None:
            continue
        try:
            setattr(scratch, name, given)
        except (TypeError, ValueError) as refused:
            raise invalid(f"{path}.{name}", f"cannot be {given!r}: {refused}") from error


def _explain_json(value: object, path: str, error: Exception, *, objects_only: bool = False) -> None:
    if objects_only and value is not None and not isinstance(value, Mapping):
        raise invalid(path, f"expected an object, got {type(value).__name__}") from error
    try:
        json_text(cast("object", value))
    except ValueError as refused:
        raise invalid(path, str(refused)) from error


def _explain_content(content: Content, path: str, error: Exception) -> None:
    try:
        fill_content(v1.Content(), content)
    except (TypeError, ValueError, AttributeError) as refused:
        raise invalid(path, f"expected text or parts: {refused}") from error
