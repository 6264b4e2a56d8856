"""``assay env bench``: steps a second and the time of a reset, in this process, on one core."""

from __future__ import annotations

import json
import statistics
import time
from random import Random

from assay_server.cli.env_episode import EpisodeNames, EpisodeSource, environment_faults_told, episode_source

_RESETS = 200
_RESET_SECONDS = 5.0
_EPISODE_STEPS = 50


def bench_line(names: EpisodeNames, seed: int, seconds: float, *, as_json: bool) -> str:
    """What was measured, as one line.

    Raises:
        Usage: the environment, the game or the options are not usable.
    """
    source = episode_source(names)
    with environment_faults_told():
        resets = reset_seconds(source, seed)
        rate = steps_per_second(source, seed, seconds)
    if as_json:
        return json.dumps({"stepsPerSecond": round(rate, 1), "resetMs": round(1000 * resets, 4)})
    return (
        f"{source.definition.id}: {rate:,.0f} steps/s (random admissible actions, each with its admissible actions and"
        f" state digest; episodes of {_EPISODE_STEPS} steps), reset {1000 * resets:.2f} ms (median, each another seed);"
        " process time"
    )


def reset_seconds(source: EpisodeSource, seed: int) -> float:
    """Median seconds of process time of a reset, each with another seed, the first left out."""
    environment, spans = source.environment(), list[float]()
    environment.reset(seed, source.options)
    until = time.perf_counter() + _RESET_SECONDS
    for number in range(_RESETS):
        started = time.process_time()
        environment.reset(seed + 1 + number, source.options)
        spans.append(time.process_time() - started)
        if time.perf_counter() > until:
            break
    return statistics.median(spans)


def steps_per_second(source: EpisodeSource, seed: int, seconds: float) -> float:
    """Random admissible steps a second of process time, resets left out.

    Each step includes what a session needs of it: the admissible actions and the state digest.
    """
    environment = source.environment()
    choose = Random(seed).random  # noqa: S311 - chooses actions, keeps no secret
    spent, steps, number = 0.0, 0, 0
    while spent < seconds:
        environment.reset(seed + number % 16, source.options)
        number += 1
        started = time.process_time()
        for _ in range(_EPISODE_STEPS):
            admissible = environment.admissible_actions()
            if not admissible:
                break
            result = environment.step(admissible[int(choose() * len(admissible))])
            environment.state_digest()
            steps += 1
            if result.terminated or result.truncated:
                break
        spent += time.process_time() - started
    return steps / spent
