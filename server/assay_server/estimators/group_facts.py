"""What stays known of a finished group: its numbers, without a word of its texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from types import MappingProxyType

from assay.sdk.values import value
from assay_server.estimators.groups import Role

_NO_COLUMNS: Mapping[str, tuple[float | None, ...]] = MappingProxyType({})
_NO_FLAGS: Mapping[str, tuple[bool | None, ...]] = MappingProxyType({})
_NO_SIZES: Mapping[int, int] = MappingProxyType({})


@value
class GroupFacts:
    """A finished group. Tuples are parallel to ``rollout_ids``, which are in their order.

    Attributes:
        kept: the run's filters kept it; ``drop_reason`` says why not.
        counted: the member has a reward and a role that the run counts.
        rewards: None = could not be scored, or known at the barrier only.
        correct: the verdict; where the reward makes no claim, whether the reward is above 0. None = no reward.
        answers: number of the answer's class within the group, in order of first appearance; None = no answer.
        tool_calls: None = not known; ``tokens`` likewise.
        signals: those that the run's state reads; of a tensor its mean.
        components: named parts of the rewards; None where a member lacks one.
        constraints: True = kept.
        steps: of all members, ``invalid_steps`` those with an invalid action.
        step_sizes: size -> number of step groups of that size.
        masses: sum of the positive and sum of the negative advantages; None = advantages are not known.
    """

    prompt_id: str = ""
    global_step: int = 0
    kept: bool = True
    drop_reason: str = ""
    rollout_ids: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    counted: tuple[bool, ...] = ()
    truncated: tuple[bool, ...] = ()
    rewards: tuple[float | None, ...] = ()
    correct: tuple[bool | None, ...] = ()
    answers: tuple[int | None, ...] = ()
    tool_calls: tuple[int | None, ...] = ()
    tokens: tuple[int | None, ...] = ()
    hint_levels: tuple[int, ...] = ()
    signals: Mapping[str, tuple[float | None, ...]] = field(default_factory=lambda: _NO_COLUMNS)
    components: Mapping[str, tuple[float | None, ...]] = field(default_factory=lambda: _NO_COLUMNS)
    constraints: Mapping[str, tuple[bool | None, ...]] = field(default_factory=lambda: _NO_FLAGS)
    steps: int = 0
    invalid_steps: int = 0
    step_sizes: Mapping[int, int] = field(default_factory=lambda: _NO_SIZES)
    masses: tuple[float, float] | None = None

    def scored(self) -> Iterator[int]:
        """Places of the members that count and whose reward is known."""
        return (place for place, counts in enumerate(self.counted) if counts and self.rewards[place] is not None)

    def counted_rewards(self) -> list[float]:
        """Rewards of the members that count, in order."""
        return [
            reward for reward, counts in zip(self.rewards, self.counted, strict=True) if counts and reward is not None
        ]

    def judged(self) -> list[bool]:
        """Which of the members that count are right, in order."""
        return [right for place in self.scored() if (right := self.correct[place]) is not None]
