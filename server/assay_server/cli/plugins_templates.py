"""What ``assay plugin new`` writes into the package, kind by kind: the plugin, and its test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Kind(str, Enum):
    """Kinds of plugins by their names on the command line."""

    REWARD = "reward"
    GROUP_REWARD = "group-reward"
    BATCH_REWARD = "batch-reward"
    ESTIMATOR = "estimator"
    SELECTOR = "selector"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Template:
    """The files of a kind; ``{name}`` is the distribution, ``{package}`` the package.

    Attributes:
        article: the kind in words, with its article.
        use: a command that uses it.
    """

    article: str
    module: str
    test: str
    use: str


_REWARD = Template(
    article="A reward",
    module='''\
"""Rewards of {name}."""

from assay.sdk import Evidence, Sample, Score, Unscorable, reward


@reward("{name}/ends_with-v1", bounds=(0, 1), binary=True, reference_keys=("answer",))
def ends_with(sample: Sample, *, ignore_case: bool = True) -> Score:
    """1 where the response ends with the answer."""
    if not isinstance(answer := sample.reference.get("answer"), str):
        raise Unscorable("REFERENCE_MISSING", "expected the answer as a text", field="reference_json")
    end = sample.response[-len(answer) - 100 :].rstrip(" .\\n")
    right = end.lower().endswith(answer.lower()) if ignore_case else end.endswith(answer)
    return Score(float(right), evidence=Evidence(extracted=end[-len(answer) :], reason="the end of the response"))
''',
    test='''\
"""Tests of the rewards of {name}: a declared reward is called through ``.function``."""

import pytest

from assay.sdk import Sample, Unscorable
from {package} import ends_with


def test_the_end_of_the_response_is_compared() -> None:
    assert ends_with.function(Sample("r1", "so it is 18.", {{"answer": "18"}})).value == 1.0
    assert ends_with.function(Sample("r2", "so it is 17.", {{"answer": "18"}})).value == 0.0


def test_without_an_answer_there_is_no_score() -> None:
    with pytest.raises(Unscorable):
        ends_with.function(Sample("r3", "so it is 18."))
''',
    use="assay score --reward {name}/ends_with < rollouts.jsonl",
)

_GROUP_REWARD = Template(
    article="A group reward",
    module='''\
"""Group rewards of {name}."""

from collections.abc import Sequence

from assay.sdk import FinishedGroup, group_reward


@group_reward("{name}/rare_answer-v1", bounds=(0, 1))
def rare_answer(group: FinishedGroup, *, exponent: float = 1.0) -> Sequence[float]:
    """The share of the members that answered something else: one value per member, in the group's order."""
    keys = [member.answer_key for member in group.members]
    return [(1.0 - keys.count(key) / len(keys)) ** exponent for key in keys]
''',
    test='''\
"""Tests of the group rewards of {name}: what is declared is called through ``.function``."""

import pytest

from assay.sdk import FinishedGroup, GroupMember
from {package} import rare_answer


def test_what_nobody_else_answers_earns_most() -> None:
    keys = ("18", "18", "18", "17")
    members = tuple(GroupMember(f"r{{i}}", 1.0, answer_key=key) for i, key in enumerate(keys))
    assert rare_answer.function(FinishedGroup("g", members)) == pytest.approx([0.25, 0.25, 0.25, 0.75])
''',
    use='assay serve  # and in a run: WeightedSum(((1.0, Leaf("math")), (0.2, Leaf("{name}/rare_answer"))))',
)

_BATCH_REWARD = Template(
    article="A batch reward",
    module='''\
"""Batch rewards of {name}."""

from bisect import bisect_left
from collections.abc import Sequence

from assay.sdk import FinishedGroup, batch_reward


@batch_reward("{name}/percentile-v1", bounds=(0, 1))
def percentile(groups: Sequence[FinishedGroup]) -> Sequence[Sequence[float]]:
    """The share of the batch that earned less: one value per member, per group."""
    everyone = sorted(member.reward for group in groups for member in group.members)
    return [[bisect_left(everyone, one.reward) / len(everyone) for one in group.members] for group in groups]
''',
    test='''\
"""Tests of the batch rewards of {name}: what is declared is called through ``.function``."""

from assay.sdk import FinishedGroup, GroupMember
from {package} import percentile


def test_all_groups_are_compared() -> None:
    low = FinishedGroup("low", (GroupMember("r0", 0.0), GroupMember("r1", 1.0)))
    high = FinishedGroup("high", (GroupMember("r2", 2.0), GroupMember("r3", 2.0)))
    assert percentile.function([low, high]) == [[0.0, 0.25], [0.5, 0.5]]
''',
    use='assay serve  # and in a run: WeightedSum(((1.0, Leaf("math")), (0.2, Leaf("{name}/percentile"))))',
)

_ESTIMATOR = Template(
    article="An estimator",
    module='''\
"""Estimators of {name}."""

from collections.abc import Sequence
from statistics import median

from assay.sdk import FinishedGroup, estimator


@estimator("{name}/median_baseline-v1")
def median_baseline(group: FinishedGroup, *, scale: float = 1.0) -> Sequence[float]:
    """The deviation from the median reward: one advantage per member, in the group's order."""
    if not group.members:
        return []
    middle = median(member.reward for member in group.members)
    return [scale * (member.reward - middle) for member in group.members]
''',
    test='''\
"""Tests of the estimators of {name}: what is declared is called through ``.function``."""

from assay.sdk import FinishedGroup, GroupMember
from {package} import median_baseline


def test_the_median_is_the_baseline() -> None:
    group = FinishedGroup("g", tuple(GroupMember(f"r{{i}}", reward) for i, reward in enumerate((0.0, 1.0, 5.0))))
    assert median_baseline.function(group) == [-1.0, 0.0, 4.0]
    assert median_baseline.function(group, scale=2.0) == [-2.0, 0.0, 8.0]
''',
    use="assay advantages --estimator {name}/median_baseline < groups.jsonl",
)

_SELECTOR = Template(
    article="A selector",
    module='''\
"""Selectors of {name}."""

from assay.sdk import FinishedGroup, selector


@selector("{name}/spread-v1")
def spread(group: FinishedGroup, *, least: float = 0.1) -> str:
    """Why the group is dropped; empty where it is kept."""
    rewards = [member.reward for member in group.members]
    return "" if rewards and max(rewards) - min(rewards) >= least else "too_alike"
''',
    test='''\
"""Tests of the selectors of {name}: what is declared is called through ``.function``."""

from assay.sdk import FinishedGroup, GroupMember
from {package} import spread


def test_groups_without_contrast_are_dropped() -> None:
    same = FinishedGroup("g", (GroupMember("r0", 1.0), GroupMember("r1", 1.0)))
    other = FinishedGroup("g", (GroupMember("r0", 1.0), GroupMember("r1", 0.0)))
    assert spread.function(same) == "too_alike"
    assert spread.function(other) == ""
''',
    use='assay serve  # and in a run: filters=(FilterChoice("{name}/spread", {{"least": 0.2}}),)',
)

_ENVIRONMENT = Template(
    article="An environment",
    module='''\
"""Environments of {name}."""

import hashlib
import random
from collections.abc import Mapping

from assay.sdk import EpisodeOver, Json, ResetResult, StepResult, environment


@environment("{name}/corridor-v1")
class Corridor:
    """A corridor with a door somewhere; keyword parameters of ``__init__`` are its options."""

    def __init__(self, *, length: int = 7, max_steps: int = 20) -> None:
        self._length, self._max_steps = length, max_steps
        self._place, self._door, self._steps, self._live = 0, 0, 0, False

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        self._door = random.Random(seed).randrange(1, self._length)
        self._place, self._steps, self._live = 0, 0, True
        return ResetResult(f"Find the door among {{self._length}} places. {{self.anchor()}}", self.state_digest())

    def step(self, action: str) -> StepResult:
        if not self._live:
            raise EpisodeOver("there is no live episode: call reset() first")
        self._steps += 1
        valid = action in self.admissible_actions()
        if valid:
            self._place += 1 if action == "go right" else -1
        won = self._place == self._door
        over = self._steps == self._max_steps
        self._live = not (won or over)
        return StepResult(
            observation=self.anchor(),
            reward=float(won),
            action_valid=valid,
            executed=valid,
            won=won,
            task_score=float(won),
            terminated=won,
            truncated=over and not won,
            stop_reason="won" if won else "max_steps" if over else "",
        )

    def anchor(self) -> str:
        return f"You are at place {{self._place}}." + (" Here is the door." if self._place == self._door else "")

    def state_digest(self) -> str:
        state = (self._length, self._door, self._place, self._live)
        return hashlib.sha256(repr(state).encode()).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        if not self._live:
            return ()
        left = ("go left",) if self._place > 0 else ()
        return (*left, "go right") if self._place < self._length - 1 else left

    def close(self) -> None:
        self._live = False
''',
    test='''\
"""Tests of the environments of {name}: what is declared is made through ``.function``."""

from {package} import Corridor


def test_who_goes_on_finds_the_door() -> None:
    corridor = Corridor.function(length=5)
    start = corridor.reset(1, {{}})
    said = corridor.step("go right")
    while not said.terminated:
        said = corridor.step("go right")
    assert (said.won, said.reward, said.stop_reason) == (True, 1.0, "won")
    assert corridor.reset(1, {{}}) == start


def test_an_action_that_cannot_be_is_told_and_costs_a_step() -> None:
    corridor = Corridor.function(max_steps=1)
    corridor.reset(1, {{}})
    said = corridor.step("fly")
    assert (said.action_valid, said.truncated, corridor.admissible_actions()) == (False, True, ())
''',
    use="assay env walk {name}/corridor --plugin {package}/__init__.py --seed 1 < actions.txt",
)

TEMPLATES: Mapping[Kind, Template] = {
    Kind.REWARD: _REWARD,
    Kind.GROUP_REWARD: _GROUP_REWARD,
    Kind.BATCH_REWARD: _BATCH_REWARD,
    Kind.ESTIMATOR: _ESTIMATOR,
    Kind.SELECTOR: _SELECTOR,
    Kind.ENVIRONMENT: _ENVIRONMENT,
}
