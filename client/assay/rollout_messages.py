"""Rollouts and steps as proto messages. The fast path checks nothing twice; what fails is explained afterwards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import cast

from assay._refusals import OPTIONAL_SCALARS, explain_rollout, explain_steps
from assay._text import json_object_text, json_text, repaired
from assay.contents import fill_content
from assay.errors import invalid
from assay.rollouts import Anchor, Rollout, RolloutLike, RolloutRole, RolloutState, Step, StepLike
from assay.signals import SignalValue, fill_signal
from assay.v1 import rollout_pb2 as v1


def rollout_message(
    rollout: RolloutLike, *, wanted: Collection[str] | None = None, path: str = "rollout"
) -> v1.Rollout:
    """The proto message of a rollout, with the ``wanted`` signals only (None: all).

    Raises:
        InvalidArgument: a field, named below ``path``, has a value that cannot be sent.
    """
    if isinstance(rollout, v1.Rollout):
        return _with_signals(rollout, wanted)
    message = v1.Rollout()
    try:
        try:
            _fill_rollout(message, rollout, wanted, path)
        except UnicodeEncodeError:
            message = v1.Rollout(unicode_repaired=True)
            _fill_rollout(message, repaired(rollout), wanted, path)
    except (TypeError, ValueError, AttributeError) as error:
        explain_rollout(rollout, path, error)
    return message


def steps_messages(steps: Sequence[StepLike], from_index: int = 0, path: str = "steps") -> list[v1.Step]:
    """The proto messages of steps, numbered from ``from_index``.

    Raises:
        InvalidArgument: a field has a value that cannot be sent.
    """
    holder = v1.Rollout()
    try:
        try:
            _fill_steps(holder, steps, from_index, path)
        except UnicodeEncodeError:
            holder = v1.Rollout()
            _fill_steps(holder, repaired(tuple(steps)), from_index, path)
    except (TypeError, ValueError, AttributeError) as error:
        explain_steps(steps, path, error)
    return list(holder.steps)


def _fill_rollout(message: v1.Rollout, rollout: Rollout, wanted: Collection[str] | None, path: str) -> None:
    message.rollout_id = rollout.rollout_id
    for name in OPTIONAL_SCALARS:
        if value := getattr(rollout, name):
            setattr(message, name, value)
    for name in ("num_tokens", "num_tool_calls"):
        if (value := getattr(rollout, name)) is not None:
            setattr(message, name, value)
    if rollout.reference is not None:
        message.reference_json = json_object_text(rollout.reference)
    if rollout.extra is not None:
        message.extra_json = json_object_text(rollout.extra)
    _fill_trajectory(message, rollout, path)
    if rollout.role != RolloutRole.POLICY or rollout.state != RolloutState.DONE:
        message.role = cast("v1.RolloutRole", rollout.role)
        message.state = cast("v1.RolloutState", rollout.state)
    if rollout.signals:
        _fill_signals(message, rollout.signals, wanted, path)


def _fill_trajectory(message: v1.Rollout, rollout: Rollout, path: str) -> None:
    if rollout.prompt:
        fill_content(message.prompt, rollout.prompt)
    if rollout.task_digest and rollout.reference is not None:
        raise invalid(f"{path}.task_digest", "expected reference or task_digest, got both")
    if rollout.response is None:
        _fill_steps(message, rollout.steps, 0, f"{path}.steps")
    elif rollout.steps:
        raise invalid(f"{path}.response", "expected response or steps, got both")
    else:
        fill_content(message.steps.add().action, rollout.response)


def _fill_signals(
    message: v1.Rollout, signals: Mapping[str, SignalValue], wanted: Collection[str] | None, path: str
) -> None:
    for name, value in signals.items():
        if wanted is None or name in wanted:
            fill_signal(message.signals[name], value, f"{path}.signals[{name}]")


def _fill_steps(message: v1.Rollout, steps: Sequence[StepLike], from_index: int, path: str) -> None:
    for index, step in enumerate(steps, from_index):
        if isinstance(step, v1.Step):
            message.steps.add().CopyFrom(step)
        else:
            _fill_step(message.steps.add(), step, index, path)


def _fill_step(message: v1.Step, step: Step, index: int, path: str) -> None:
    message.index = index
    _fill_contents(message, step)
    if step.anchor is not None:
        _fill_anchor(message.anchor, step.anchor)
    for name in ("done", "agent_id", "policy_version"):
        if value := getattr(step, name):
            setattr(message, name, value)
    if not step.action_valid:
        message.action_valid = False
    reward = step.reward
    if reward is not None:
        if reward - reward != 0.0:
            raise invalid(f"{path}[{index}].reward", f"expected a finite number, got {reward!r}")
        message.reward = reward
    if step.tool_calls or step.tool_results:
        message.tool_calls.extend(call.to_message() for call in step.tool_calls)
        message.tool_results.extend(result.to_message() for result in step.tool_results)
    if step.token_span is not None:
        message.token_span.start, message.token_span.end = step.token_span


def _fill_contents(message: v1.Step, step: Step) -> None:
    fill_content(message.action, step.action)
    if step.observation:
        fill_content(message.observation, step.observation)
    if step.prompt:
        fill_content(message.prompt, step.prompt)


def _fill_anchor(message: v1.Anchor, anchor: Anchor | str | v1.Anchor) -> None:
    if isinstance(anchor, str):
        message.observation.parts.add().text = anchor
        return
    if isinstance(anchor, v1.Anchor):
        message.CopyFrom(anchor)
        return
    if anchor.observation:
        fill_content(message.observation, anchor.observation)
    if anchor.inventory:
        fill_content(message.inventory, anchor.inventory)
    if anchor.state_digest:
        message.state_digest = anchor.state_digest
    if anchor.state is not None:
        message.state_json = json_text(anchor.state)


def _with_signals(message: v1.Rollout, wanted: Collection[str] | None) -> v1.Rollout:
    if wanted is None or not message.signals or all(name in wanted for name in message.signals):
        return message
    kept = v1.Rollout()
    kept.CopyFrom(message)
    for name in message.signals:
        if name not in wanted:
            del kept.signals[name]
    return kept
