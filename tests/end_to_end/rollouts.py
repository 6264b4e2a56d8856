"""Rollouts and specs that tests send."""

from __future__ import annotations

from collections.abc import Sequence

from assay.v1 import rollout_pb2, run_service_pb2


def rollout(
    rollout_id: str,
    text: str = "so it is\nA: 18",
    *,
    group: str = "",
    size: int = 0,
    answer: str = "18",
    state: rollout_pb2.RolloutState = rollout_pb2.ROLLOUT_STATE_DONE,
    role: rollout_pb2.RolloutRole = rollout_pb2.ROLLOUT_ROLE_POLICY,
) -> rollout_pb2.Rollout:
    """A single-turn rollout that ``math`` judges; ``text`` empty = without steps."""
    made = rollout_pb2.Rollout(
        rollout_id=rollout_id,
        group_id=group,
        group_size=size,
        prompt_id=f"prompt of {group}" if group else "",
        reference_json=f'{{"answer":"{answer}"}}',
        state=state,
        role=role,
    )
    if text:
        made.steps.append(step(0, text))
    return made


def right(rollout_id: str, group: str = "", size: int = 0) -> rollout_pb2.Rollout:
    """A rollout that scores 1."""
    return rollout(rollout_id, group=group, size=size)


def wrong(rollout_id: str, group: str = "", size: int = 0) -> rollout_pb2.Rollout:
    """A rollout that scores 0."""
    return rollout(rollout_id, "so it is\nA: 17", group=group, size=size)


def unscorable(rollout_id: str, group: str = "", size: int = 0) -> rollout_pb2.Rollout:
    """A rollout that is taken over and cannot be scored: it has no reference."""
    made = rollout(rollout_id, group=group, size=size)
    made.ClearField("reference_json")
    return made


def step(index: int, text: str, *, observation: str = "") -> rollout_pb2.Step:
    """A step with a text action, taken in the state that ``observation`` shows."""
    made = rollout_pb2.Step(index=index)
    made.action.parts.add().text = text
    if observation:
        made.anchor.observation.parts.add().text = observation
    return made


def mixed_group(group: str, size: int, rights: int) -> list[rollout_pb2.Rollout]:
    """A whole group whose first ``rights`` members score 1 and the others 0."""
    return [(right if i < rights else wrong)(f"{group}/{i}", group, size) for i in range(size)]


def spec(
    *,
    reward: str = "math",
    estimator: str = "advantage/grpo",
    filters: Sequence[str | tuple[str, str]] = (),
    delivery: run_service_pb2.DeliveryMode = run_service_pb2.DELIVERY_MODE_UNSPECIFIED,
    deliver_to: str = "",
    groups: run_service_pb2.GroupPolicy | None = None,
) -> run_service_pb2.RunSpec:
    """A run's spec of one reward and one estimator (empty = scores only)."""
    made = run_service_pb2.RunSpec(delivery=delivery, deliver_to=deliver_to, groups=groups)
    made.reward.leaf.id = reward
    if estimator:
        made.estimator.id = estimator
    for choice in filters:
        name, params = (choice, "") if isinstance(choice, str) else choice
        made.filters.add(id=name, params_json=params)
    return made
