# pyright: basic, reportMissingImports=false, reportMissingModuleSource=false
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
# The trainers are not installed where types are checked.
"""verifiers itself: its task scoring, its loaders, and an environment's run over its own traces."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from assay.integrations.service import Service

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]

EXAMPLES = Path(__file__).parents[3] / "client" / "examples"


def trace_of(task: object, reply: str) -> object:
    import verifiers.v1 as vf

    seed = vf.TraceTask(type="ScoredTask", data=task.data, key=task.key)
    return vf.Trace(task=seed, agent=vf.AgentInfo(config=vf.AgentConfig()), root_reply=reply)


async def test_tasks_of_a_file_are_scored_and_those_that_cannot_be_are_errors(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import verifiers.v1 as vf
    from verifiers.v1.utils.loaders import load_taskset, taskset_config_type

    rows = [{"prompt": "9+9?", "reference": {"answer": "18"}}, {"prompt": "?", "reference": {}}]
    (tmp_path / "tasks.jsonl").write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.syspath_prepend(EXAMPLES)
    settings = {"id": "verifiers_answers", "path": tmp_path / "tasks.jsonl", "task": {"target": service.target}}
    right, unscorable = load_taskset(taskset_config_type("verifiers_answers").model_validate(settings))
    trace = trace_of(right, "so A: 18")
    await right.score(trace)
    assert trace.reward == 1.0
    assert trace.metrics == {"assay/math": 1.0}
    failed = trace_of(unscorable, "A: 1")
    with pytest.raises(vf.TaskError, match="NotScored"):
        await unscorable.score(failed)
    assert failed.rewards == {"assay": None}


class Player:
    """A policy that looks; of verifiers' agents, what an environment's run uses."""

    def __init__(self, trace: object) -> None:
        self.trace = trace
        self.told: list[str] = []

    @asynccontextmanager
    async def interaction(self, task: object) -> AsyncIterator[Player]:
        del task
        yield self

    async def turn(self, message: str | None = None) -> object:
        if message is not None:
            self.told.append(message)
        return SimpleNamespace(terminated=False, last_reply="<action>look</action>")


async def test_episodes_are_tasks_and_are_played(service: Service, monkeypatch: pytest.MonkeyPatch):
    from verifiers.v1.utils.loaders import environment_class

    from assay.integrations.verifiers import EpisodeEnv, EpisodeEnvConfig

    monkeypatch.syspath_prepend(EXAMPLES)
    task = {"target": service.target, "environment": "keydoor", "max_steps": 3}
    taskset = {"id": "verifiers_episodes", "first_seed": 4, "task": task}
    made = environment_class("verifiers_episodes")
    assert made is EpisodeEnv
    env = made(EpisodeEnvConfig(taskset=taskset))
    [first, second] = env.taskset.take(2)
    assert (first.data.seed, first.data.prompt == second.data.prompt) == (4, False)
    player = Player(trace_of(first, ""))
    await env.run(first, SimpleNamespace(player=player))
    assert len(player.told) == 2
    assert player.trace.metrics == {"won": 0.0}
    assert set(player.trace.rewards) == {"assay"}
    assert len(player.trace.info["anchors"]) == 3
