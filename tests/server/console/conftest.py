"""One store of small runs, made by a server, for all tests that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.rollouts import Anchor, Rollout, Step
from assay.runs import RunConfig
from assay_server.config import Settings
from assay_server.embedded import Engine

HOSTILE = "</script><script>alert(1)</script> \u202eevil\u202c \x1b[31m \u2028 A: 18"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs ``answers`` (three steps of the trainer, two prompts, one rollout that cannot be scored), ``walks`` and
    ``empty``."""
    path = tmp_path_factory.mktemp("records") / "assay.db"
    with Engine(Settings(store=f"sqlite:{path}")) as engine:
        for run, rollouts in (("answers", answers()), ("walks", walks()), ("empty", [])):
            estimator = "advantage/gigpo" if run == "walks" else "advantage/grpo"
            config = RunConfig(run_id=run, reward="math", estimator=estimator)
            with engine.stream(run=config, consumer="c") as stream:
                stream.send_many(rollouts)
                stream.finish()
                for _ in stream:
                    pass
    return path


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
