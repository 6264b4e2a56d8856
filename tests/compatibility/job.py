"""A trainer's job in small, by what the client's previous minor version has; run as a program it prints what came.

``python job.py TARGET TOKEN RUN`` uses whichever client is on the path first.
"""

from __future__ import annotations

import json
import sys

import assay


def rollouts() -> list[assay.Rollout]:
    """Three groups of four, some right, some wrong, one that cannot be scored."""
    made = [
        assay.Rollout(
            rollout_id=f"r{number}",
            group_id=f"g{number // 4}",
            group_size=4,
            prompt_id=f"p{number // 4}",
            reference={"answer": "18"},
            response="so A: 18" if number % 3 else "so A: 17",
        )
        for number in range(12)
    ]
    made[5] = assay.Rollout(rollout_id="r5", group_id="g1", group_size=4, prompt_id="p1", response="so A: 18")
    return made


def scored(result: assay.SampleResult) -> list[object]:
    """What matters of a result."""
    return [result.rollout_id, result.value if result.scored else "not scored"]


def main(target: str, token: str, run: str) -> dict[str, object]:
    """Do it, and say what came of it."""
    found: dict[str, object] = {}
    with assay.Client(target, token=token, timeout=60.0) as client:
        found["score"] = [scored(one) for one in client.score(rollouts(), reward="math")]
        client.create_run(assay.RunConfig(run_id=run, reward="math", estimator="advantage/grpo"))
        samples: list[list[object]] = []
        groups: dict[str, list[float]] = {}
        with client.stream(run, consumer="rank-0") as stream:
            stream.send_many(rollouts())
            while len(samples) < 12 or len(groups) < 3:
                event = stream.receive(60.0)
                if isinstance(event, assay.SampleResult):
                    samples.append(scored(event))
                elif isinstance(event, assay.GroupResult):
                    groups[event.group_id] = [round(float(value), 9) for value in event.message.advantages]
        found["samples"], found["groups"] = sorted(samples, key=str), groups
        found["checkpoint"] = client.checkpoint_run(run, "half").name
        found["generation"] = client.restore_run(run, "half").generation
        found["rewards"] = (
            "math/verify-v1" in {one.id for one in client.list_rewards()} or len(client.list_rewards()) > 9
        )
        found["estimators"] = len(client.list_estimators("advantage/")) > 9
        with client.make_vec("keydoor", 1, 2, seed=3) as envs:
            observations, _ = envs.reset()
            found["reset"] = list(observations)
            found["step"] = list(envs.step(["look", "look"])[0])
    return found


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:4]), sort_keys=True))  # noqa: T201 - it is what the test reads
