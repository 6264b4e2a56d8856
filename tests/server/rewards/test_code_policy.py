"""``code/policy``: what episodes are worth, and programs that play real environments in real sandboxes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from assay import Rollout, Step
from assay.sdk import Json, PlayedEpisode, PolicyTrial, Sample, Score, Unscorable, Verdict
from assay_sandbox.protocol import Grade
from assay_server.config import Settings
from assay_server.embedded import Engine
from assay_server.execution.code_judge import CodeJudge, RewardSandbox
from assay_server.execution.queue.kinds import job_handler
from assay_server.execution.queue.sandbox_jobs import reward_jobs
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings
from assay_server.rewards.code_policy import policy

REFERENCE: dict[str, Json] = {"environment": "keydoor", "options": {"difficulty": "easy"}, "seed": 5, "episodes": 3}
FIRST = "def act(observation, admissible_actions):\n    return admissible_actions[0]\n"
RANDOM = "import random\ndef act(observation, admissible_actions):\n    return random.choice(admissible_actions)\n"


@dataclass
class Told:
    """Ports with this sandbox and nothing else."""

    played: Sequence[PlayedEpisode]
    asked: list[PolicyTrial] = field(default_factory=list[PolicyTrial])

    async def play(self, source: str, trial: PolicyTrial) -> Sequence[PlayedEpisode]:
        assert source == FIRST
        self.asked.append(trial)
        return self.played

    @property
    def sandbox(self) -> Told:
        return self


async def said(told: Told, reference: dict[str, Json], **given: object) -> Score:
    return await said_of(f"```python\n{FIRST}```", told, reference, **given)


async def said_of(response: str, told: Told, reference: dict[str, Json], **given: object) -> Score:
    function = cast("Callable[..., Awaitable[Score]]", policy.function)
    return await function(Sample("r", response, reference), told, **given)


def episode(status: str = "PLAYED", total: float = 1.0, score: float = 1.0) -> PlayedEpisode:
    return PlayedEpisode(status, total, score, score == 1, 4, "why")  # type: ignore[arg-type]  # any of them


async def test_the_parts_are_means_over_episodes_and_failures_earn_nothing() -> None:
    episodes = [episode(), episode(total=-2.0, score=0.5), episode("TIMEOUT", 3.0, 0.75), episode("EXITED", -1.0, 0.0)]
    told = Told(episodes)
    score = await said(told, REFERENCE)
    assert score.value == 0.25
    assert score.components == {"success": 0.25, "score": 0.375, "return": -0.5, "steps": 4.0, "played": 0.5}
    assert score.verdict is Verdict.INCORRECT
    assert score.evidence is not None
    assert score.evidence.reason == "TIMEOUT: why"
    assert told.asked == [PolicyTrial("keydoor", (5, 6, 7), {"difficulty": "easy"}, 200)]
    assert (await said(told, REFERENCE, measure="score")).value == 0.375
    assert (await said(told, REFERENCE, measure="return", lowest=-2.0, highest=2.0)).value == pytest.approx(
        (0.75 + 0 + 0 + 0) / 4
    )
    assert (await said(Told([episode()] * 3), REFERENCE)).verdict is Verdict.CORRECT


EPISODES = st.builds(
    episode, st.sampled_from(["PLAYED", "EXCEPTION", "NOT_RUN"]), st.floats(-5, 5), st.sampled_from([0.0, 0.5, 1.0])
)


@settings(max_examples=50)
@given(st.lists(EPISODES, min_size=1, max_size=8), st.sampled_from(["success", "score", "return"]))
async def test_the_value_is_bounded_and_a_failed_episode_is_never_better_than_a_played_one(
    episodes: list[PlayedEpisode], measure: str
) -> None:
    value = (await said(Told(episodes), REFERENCE, measure=measure)).value
    assert 0 <= value <= 1
    failed = [PlayedEpisode("TIMEOUT", one.total, one.score, one.won, one.steps) for one in episodes]
    assert (await said(Told(failed), REFERENCE, measure=measure)).value <= value


@pytest.mark.parametrize(
    ("reference", "given_", "reason"),
    [
        ({}, {}, "REFERENCE_MISSING"),
        ({"environment": "keydoor", "options": []}, {}, "REFERENCE_UNPARSEABLE"),
        ({"environment": "keydoor", "seed": -1}, {}, "REFERENCE_UNPARSEABLE"),
        ({"environment": "keydoor", "episodes": 65}, {}, "REFERENCE_UNPARSEABLE"),
        (REFERENCE, {"lowest": 1.0}, "INVALID_PARAMETER"),
    ],
)
async def test_what_cannot_be_played_is_an_error(
    reference: dict[str, Json], given_: dict[str, object], reason: str
) -> None:
    with pytest.raises(Unscorable) as refused:
        await said(Told([]), reference, **given_)
    assert refused.value.reason == reason


async def test_a_response_without_a_program_scores_0() -> None:
    told = Told([])
    assert (await said_of("```python\ndef act(", told, REFERENCE)).value == 0
    assert told.asked == []


# ------------------------------------------------------------ in real sandboxes


@pytest_asyncio.fixture
async def sandbox() -> AsyncGenerator[RewardSandbox]:
    sandboxes = Sandboxes(SandboxSettings(), lambda _: None)
    if sandboxes.level().grade < Grade.FLOOR:
        pytest.skip("this machine gives no sandbox")
    judge = CodeJudge(sandboxes)
    yield RewardSandbox(judge, "tenant")
    await judge.close()
    await sandboxes.stop()


async def test_programs_play_environments_and_the_same_program_does_the_same_again(sandbox: RewardSandbox) -> None:
    for name in ("keydoor", "household", "puzzles/number-line"):
        trial = PolicyTrial(name, (1, 2), {}, 20)
        first = await sandbox.play(FIRST, trial)
        assert [one.status for one in first] == ["PLAYED"] * 2
        assert all(0 < one.steps <= 20 for one in first)
        assert list(first) == list(await sandbox.play(FIRST, trial))


async def test_a_program_does_not_reach_the_environment(sandbox: RewardSandbox) -> None:
    """Neither its module, nor an object of it, nor the seed is where the program runs."""
    spy = (
        "import gc, sys\n"
        "def act(observation, admissible_actions):\n"
        "    found = [m for m in sys.modules if m.startswith('assay_server')]\n"
        "    found += [type(o).__name__ for o in gc.get_objects() if 'Episode' in type(o).__name__]\n"
        "    assert not found, found\n"
        "    assert type(observation) is str and type(admissible_actions) is list\n"
        "    return admissible_actions[0]\n"
    )
    (played,) = await sandbox.play(spy, PolicyTrial("keydoor", (1,), {}, 3))
    assert (played.status, played.message) == ("PLAYED", "")


@pytest.mark.parametrize(
    ("trial", "reason"),
    [
        (PolicyTrial("keydor", (1,), {}, 3), "UNKNOWN_ENVIRONMENT"),
        (PolicyTrial("sql", (1,), {}, 3), "UNKNOWN_ENVIRONMENT"),
        (PolicyTrial("gymnasium", (1,), {}, 3), "UNKNOWN_ENVIRONMENT"),
        (PolicyTrial("keydoor", (1,), {"difficulty": "odd"}, 3), "INVALID_OPTIONS"),
    ],
)
async def test_environments_that_are_not_for_programs_are_refused(trial: PolicyTrial, reason: str) -> None:
    off = RewardSandbox(CodeJudge(Sandboxes(SandboxSettings(backend="none"), lambda _: None)), "tenant")
    with pytest.raises(Unscorable) as refused:
        await off.play(FIRST, trial)
    assert refused.value.reason == reason


async def test_a_worker_answers_what_its_sandbox_answers() -> None:
    trial: dict[str, Json] = {"environment": "keydoor", "seeds": [1], "options": {}, "max_steps": 3}
    handler = job_handler(reward_jobs(lambda _: cast("RewardSandbox", Told([episode()]))))
    answer = await handler("tenant", json.dumps({"source": FIRST, "trial": trial}).encode())
    assert json.loads(answer)["played"][0]["status"] == "PLAYED"


def test_a_server_scores_programs_that_play() -> None:
    if Sandboxes(SandboxSettings(), lambda _: None).level().grade < Grade.FLOOR:
        pytest.skip("this machine gives no sandbox")
    hanging = "def act(observation, admissible_actions):\n    raise KeyboardInterrupt\n"
    rollouts = [
        Rollout(f"r{number}", steps=[Step(action=f"```python\n{source}```")], reference=REFERENCE)
        for number, source in enumerate((RANDOM, hanging))
    ]
    with Engine(Settings(store="memory:")) as engine:
        first, second = engine.score(rollouts, reward="code/policy")
    assert first.score is not None
    assert second.score is not None
    assert first.score.components["code/policy/played"] == 1
    assert (second.score.value, second.score.components["code/policy/played"]) == (0, 0)
