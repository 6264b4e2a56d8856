"""``assay env list | play | walk | bench | check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay_server.cli.exit_codes import ExitCode
from assay_server.cli.refusals import told_plainly

app = typer.Typer(help="List, play, walk, measure and check environments.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="ENV", help="Id or short name; `assay env list` shows them.")]
Game = Annotated[Path | None, typer.Option(metavar="FILE", help="A game file, e.g. ALFWorld's game.tw-pddl.")]
Games = Annotated[Path | None, typer.Option(metavar="FOLDER", help="A folder of games that options may name.")]
Seed = Annotated[int, typer.Option(help="Equal seeds and options give equal episodes.")]
Options = Annotated[str, typer.Option(metavar="JSON", help="Options of the environment, as a JSON object.")]
Plugins = Annotated[
    list[str] | None, typer.Option("--plugin", metavar="PATH[:NAME]", help="A plugin file; may be given several times.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@app.command(name="list")
def list_(plugin: Plugins = None, as_json: AsJson = False) -> None:
    """List the environments with their options."""
    from assay_server.cli.env_listing import listed_environments

    with told_plainly():
        for line in listed_environments(plugin or [], as_json=as_json):
            typer.echo(line)


@app.command()
def play(
    env: Name,
    game: Game = None,
    games: Games = None,
    seed: Seed = 0,
    options: Options = "{}",
    plugin: Plugins = None,
) -> None:
    """Play an episode by hand; an empty line shows what is admissible, end of input leaves."""
    from assay_server.cli.env_episode import EpisodeNames
    from assay_server.cli.env_play import play_by_hand

    with told_plainly():
        play_by_hand(EpisodeNames(env, game, games, options, tuple(plugin or ())), seed)


@app.command()
def walk(
    env: Name,
    game: Game = None,
    games: Games = None,
    seed: Seed = 0,
    options: Options = "{}",
    plugin: Plugins = None,
) -> None:
    """Take the actions of standard input, one a line; the first line out is the reset, then one a line in.

    Blank lines are ignored. Once the episode is over, every further action is answered with the last answer.
    """
    from assay_server.cli.env_episode import EpisodeNames
    from assay_server.cli.env_walk import walk_lines

    with told_plainly():
        walk_lines(EpisodeNames(env, game, games, options, tuple(plugin or ())), seed)


@app.command()
def bench(
    env: Name,
    game: Game = None,
    games: Games = None,
    seed: Seed = 0,
    options: Options = "{}",
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to step.")] = 3.0,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Measure random admissible steps a second, on one core, and the time of a reset."""
    from assay_server.cli.env_bench import bench_line
    from assay_server.cli.env_episode import EpisodeNames

    with told_plainly():
        names = EpisodeNames(env, game, games, options, tuple(plugin or ()))
        typer.echo(bench_line(names, seed, seconds, as_json=as_json))


@app.command()
def check(
    env: Annotated[str, typer.Argument(metavar="ENV|FILE.py[:NAME]", help="An environment, or a plugin with some.")],
    game: Game = None,
    games: Games = None,
    options: Options = "{}",
    episodes: Annotated[int, typer.Option(min=1, help="How many seeds to walk.")] = 8,
    as_json: AsJson = False,
) -> None:
    """Walk an environment at random and hold it to what environments promise; exits with 1 where a check fails."""
    from assay_server.cli.env_check import check_environments
    from assay_server.cli.env_episode import EpisodeNames
    from assay_server.cli.plugins_report import shown_finding

    with told_plainly():
        findings = check_environments(EpisodeNames(env, game, games, options), episodes)
        for finding in findings:
            typer.echo(shown_finding(finding, as_json=as_json))
        failed = any(not finding.passed for finding in findings)
        raise typer.Exit(ExitCode.ITEM_ERRORS if failed else ExitCode.OK)
