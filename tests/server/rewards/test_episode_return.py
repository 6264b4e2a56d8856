from __future__ import annotations

import pytest

from assay.sdk import Sample, Step, Unscorable, Verdict
from assay_server.rewards.catalogue import builtin_catalogue
from assay_server.rewards.episode_return import episode_return


def sample(*rewards: float | None) -> Sample:
    return Sample("r", "go", steps=tuple(Step(i, "go", reward=value) for i, value in enumerate(rewards)))


@pytest.mark.parametrize(
    ("rewards", "total"),
    [((0.0, 0.0, 1.0), 1.0), ((-0.1, None, 0.5), 0.4), ((0.0,), 0.0)],
)
def test_the_return_is_the_sum_of_the_step_rewards(rewards: tuple[float | None, ...], total: float):
    score = episode_return.function(sample(*rewards))
    assert score.value == total
    assert score.verdict is Verdict.UNSPECIFIED


@pytest.mark.parametrize("rewards", [(), (None,), (None, None)])
def test_without_any_step_reward_there_is_no_score(rewards: tuple[float | None, ...]):
    with pytest.raises(Unscorable) as caught:
        episode_return.function(sample(*rewards))
    assert caught.value.reason == "MISSING_STEP_REWARD"


def test_it_is_found_by_its_short_name():
    assert builtin_catalogue().resolve("episode_return").id == "reward/episode_return-v1"
