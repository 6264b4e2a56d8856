"""``assay env play``: an episode by hand."""

from __future__ import annotations

import sys

import typer

from assay_server.cli.env_episode import EpisodeNames, environment_faults_told, episode_source
from assay_server.environments.protocol import Environment


def play_by_hand(names: EpisodeNames, seed: int) -> None:
    """Read actions from a person until the episode or the input ends.

    Raises:
        Usage: the environment, the game or the options are not usable.
    """
    source = episode_source(names)
    environment = source.played()
    with environment_faults_told():
        typer.echo(environment.reset(seed, source.options).observation)
    try:
        _play(environment)
    finally:
        environment.close()


def _play(environment: Environment) -> None:
    while True:
        typer.echo("> ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line:
            return
        action = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        if not action.strip():
            typer.echo("\n".join(environment.admissible_actions()))
            continue
        result = environment.step(action.removesuffix("\n"))
        typer.echo(result.observation)
        if result.terminated or result.truncated:
            typer.echo(f"-- {result.stop_reason or 'over'}: reward {result.reward:g}, score {result.task_score:g}")
            return
