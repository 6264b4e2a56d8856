"""Stores of small runs, made by servers, for all tests that only read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.rollouts import Anchor, Rollout, Step
from assay.runs import RunConfig
from assay_server.config import Settings
from assay_server.console.opening import Source
from assay_server.embedded import Engine
from assay_server.store.redis.private_server import PrivateRedis

HOSTILE = "</script><script>alert(1)</script> \u202eevil\u202c \x1b[31m \u2028 A: 18"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs ``answers`` (three steps of the trainer, two prompts, one rollout that cannot be scored), ``walks`` and
    ``empty``."""
    path = tmp_path_factory.mktemp("records") / "assay.db"
    fill(Settings(store=f"sqlite:{path}"))
    return path


@pytest.fixture(scope="session")
def fleet(lasting_redis: PrivateRedis, tmp_path_factory: pytest.TempPathFactory) -> Source:
    """The same runs in the store of a fleet."""
    folder = tmp_path_factory.mktemp("fleet")
    fill(Settings(store=lasting_redis.url, records=folder))
    return Source(lasting_redis.url, folder)


def fill(settings: Settings) -> None:
    """Make the runs."""
    with Engine(settings) as engine:
        for run, rollouts in (("answers", answers()), ("walks", walks()), ("empty", [])):
            estimator = "advantage/gigpo" if run == "walks" else "advantage/grpo"
            config = RunConfig(run_id=run, reward="math", estimator=estimator)
            with engine.stream(run=config, consumer="c") as stream:
                stream.send_many(rollouts)
                stream.finish()
                for _ in stream:
                    pass


def answers() -> list[Rollout]:
    """Groups of four: of prompt p none, one, two are right at steps 0, 10, 20; of prompt q all are."""
    made = [
        Rollout(
            f"{prompt}.{step}.{member}", f"{prompt}.{step}", 4, prompt_id=prompt, task_type=kind,
            reference={"answer": "18"}, response=f"A: {18 if member < right else 17}", global_step=step * 10,
        )
        for prompt, kind, rights in (("p", "hard", (0, 1, 2)), ("q", "easy", (4, 4, 4)))
        for step, right in enumerate(rights)
        for member in range(4)
    ]  # fmt: skip
    unscorable = Rollout("unscorable", "alone", 1, prompt_id="r", task_type="hard", reference={}, response="A: 1")
    hostile = [
        Rollout(
            f"h.{index}",
            "hostile <b>",
            2,
            prompt_id="<i>prompt</i>",
            prompt=HOSTILE,
            reference={"answer": "18"},
            response=HOSTILE,
        )
        for index in range(2)
    ]
    return [*made, unscorable, *hostile]


def walks() -> list[Rollout]:
    """Two walks through one state each visits twice."""
    return [
        Rollout(
            f"w.{member}", "walk", 2, prompt_id="walk", reference={"answer": "18"},
            steps=[Step(action, observation="hm", anchor=Anchor("room")) for action in ("look", f"A: {18 - member}")],
        )
        for member in range(2)
    ]  # fmt: skip
