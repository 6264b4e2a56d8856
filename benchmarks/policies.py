"""Programs that play: episodes and steps a second of ``code/policy``, one job at a time and as many as there are slots.

    python benchmarks/policies.py

Method: a program that takes the first admissible action plays 8 episodes of at most 50 steps of each environment,
through the judge, in real sandboxes that are up; wall-clock. Each episode is a run of its own, each step a message
there and back.
"""

from __future__ import annotations

import asyncio
import os
import time

from assay.sdk import PlayedEpisode, PolicyTrial
from assay_server.execution.code_judge import CodeJudge, RewardSandbox
from assay_server.execution.sandboxes import Sandboxes, SandboxSettings

EPISODES, STEPS, JOBS = 8, 50, 6
PROGRAM = "def act(observation, admissible_actions):\n    return admissible_actions[0]\n"
ENVIRONMENTS = ("keydoor", "household", "puzzles/sokoban")


async def main() -> None:
    """Measure and print."""
    slots = 2 * (os.cpu_count() or 1)
    sandboxes = Sandboxes(SandboxSettings(slots=slots), lambda _: None)
    judge = CodeJudge(sandboxes)
    sandbox = RewardSandbox(judge, "bench")
    print(f"{'':32}{'episodes/s':>12}{'steps/s':>12}")
    for name in ENVIRONMENTS:
        trial = PolicyTrial(name, tuple(range(EPISODES)), {}, STEPS)
        await sandbox.play(PROGRAM, trial)
        for together in (1, slots):
            started = time.perf_counter()
            reports: list[PlayedEpisode] = []
            for _ in range(JOBS):
                for report in await asyncio.gather(*(sandbox.play(PROGRAM, trial) for _ in range(together))):
                    reports += report
            seconds = time.perf_counter() - started
            assert all(one.status == "PLAYED" for one in reports)
            label = f"{name}, {together} at a time"
            print(f"{label:<32}{len(reports) / seconds:>12,.1f}{sum(one.steps for one in reports) / seconds:>12,.0f}")
    await judge.close()
    await sandboxes.stop()


if __name__ == "__main__":
    asyncio.run(main())
