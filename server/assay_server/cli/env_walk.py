"""``assay env walk``: actions in, one a line; what followed out, one JSON object a line."""

from __future__ import annotations

import sys
from typing import BinaryIO

from assay.sdk import Json
from assay_server.cli.env_episode import EpisodeNames, environment_faults_told, episode_source
from assay_server.cli.json_text import write_line
from assay_server.cli.line_source import LineSource
from assay_server.environments.protocol import Environment, EpisodeOver, ResetResult, StepResult

_BATCH_LINES = 256
_BATCH_BYTES = 1024 * 1024


def walk_lines(names: EpisodeNames, seed: int) -> None:
    """Walk one episode over standard input; every line is answered before the next batch is read.

    Raises:
        Usage: the environment, the game or the options are not usable.
    """
    source = episode_source(names)
    out: BinaryIO = sys.stdout.buffer
    environment = source.played()
    with environment_faults_told():
        answer = reset_answer(environment, environment.reset(seed, source.options))
    out.write(write_line(answer))
    out.flush()
    lines = LineSource(sys.stdin.fileno())
    try:
        index, over = 0, False
        for batch in lines.batches(max_lines=_BATCH_LINES, max_bytes=_BATCH_BYTES):
            for line in batch:
                index += 1
                if not over:
                    try:
                        result = environment.step(line.text.decode("utf-8", "replace"))
                    except EpisodeOver:
                        over = True
                    else:
                        over = (result.terminated or result.truncated) and not source.definition.goes_on
                        answer = step_answer(environment, result)
                out.write(write_line({**answer, "index": index}))
            out.flush()
    finally:
        lines.close()
        environment.close()


def reset_answer(environment: Environment, reset: ResetResult) -> dict[str, Json]:
    """The first line of a walk."""
    return {
        "index": 0,
        "observation": reset.observation,
        "admissibleActions": list(environment.admissible_actions()),
        "reward": 0.0,
        "terminated": False,
        "truncated": False,
        "actionValid": True,
        "won": reset.won,
        "stateDigest": reset.state_digest,
        "anchor": environment.anchor(),
    }


def step_answer(environment: Environment, result: StepResult) -> dict[str, Json]:
    """A line of a walk, all but its index."""
    return {
        "index": 0,
        "observation": result.observation,
        "admissibleActions": list(environment.admissible_actions()),
        "reward": result.reward,
        "terminated": result.terminated,
        "truncated": result.truncated,
        "actionValid": result.action_valid,
        "won": result.won,
        "stateDigest": environment.state_digest(),
        "anchor": environment.anchor(),
        "executed": result.executed,
        "taskScore": result.task_score,
        "stopReason": result.stop_reason,
    }
