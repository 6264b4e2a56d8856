"""The commands with their options. What each does is in a module of its own, imported when it runs."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from assay_server.cli import bench, env, keys, plugins, tasks, upkeep
from assay_server.cli.refusals import told_plainly

app = typer.Typer(
    help="Assay tells a trainer what its rollouts are worth. JSON Lines in and out; see each command's --help.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(bench.app, name="bench")
app.add_typer(env.app, name="env")
app.add_typer(keys.app, name="keys")
app.add_typer(plugins.app, name="plugin")
app.add_typer(tasks.app, name="tasks")
upkeep.register(app)

Server = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Use this server instead of an embedded one.")]
Token = Annotated[str | None, typer.Option(envvar="ASSAY_TOKEN", help="Key for --server.", show_envvar=True)]
Params = Annotated[str, typer.Option(metavar="JSON", help="Parameters, as a JSON object.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 where an answer is an error.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Reward = Annotated[str, typer.Option(metavar="ID|FILE.py:NAME", help="A reward by id, or a verl function in a file.")]
Plugins = Annotated[
    list[str] | None, typer.Option("--plugin", metavar="PATH[:NAME]", help="A plugin file; may be given several times.")
]
TimeoutMs = Annotated[int | None, typer.Option(min=1, help="Per rollout, from when its work starts.")]


class Recipe(str, Enum):
    """Anchor recipes by their names on the command line."""

    OBSERVATION = "observation"
    OBSERVATION_AND_INVENTORY = "observation+inventory"
    STATE_DIGEST = "state-digest"
    STATE_AND_HISTORY = "state+history"
    TEXT_SIMILARITY = "text-similarity"


class Backend(str, Enum):
    """What can run untrusted code."""

    NAMESPACES = "namespaces"
    DOCKER = "docker"


@app.command()
def serve(
    listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="gRPC; default 127.0.0.1:50051.")] = None,
    http_listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Probes, metrics, HTTP.")] = None,
    store: Annotated[
        str | None, typer.Option(metavar="URL", help="memory:, sqlite:PATH, or redis://HOST:PORT.")
    ] = None,
    records: Annotated[str | None, typer.Option(metavar="DIR", help="With Redis: the fleet's shared folder.")] = None,
    databases: Annotated[str | None, typer.Option(metavar="FILE", help="Catalogue of databases.")] = None,
    plugin: Plugins = None,
) -> None:
    """Run the server until SIGTERM, then drain. Options win over ASSAY_* variables."""
    from assay_server.cli.serving import serve_until_stopped

    with told_plainly():
        raise typer.Exit(
            serve_until_stopped(
                plugin, listen=listen, http_listen=http_listen, store=store, records=records, databases=databases
            )
        )


@app.command()
def worker(
    store: Annotated[str | None, typer.Option(metavar="URL", help="The fleet's redis://HOST:PORT.")] = None,
    records: Annotated[str | None, typer.Option(metavar="DIR", help="The fleet's shared folder.")] = None,
    slots: Annotated[int | None, typer.Option(metavar="N", help="Programs at a time.")] = None,
) -> None:
    """Judge programs for a fleet's servers until SIGTERM, then finish what was begun. Options win over ASSAY_*."""
    from assay_server.cli.serving import work_until_stopped

    with told_plainly():
        raise typer.Exit(work_until_stopped(store=store, records=records, sandbox_slots=slots))


@app.command()
def score(
    reward: Reward,
    params: Params = "{}",
    execution_timeout_ms: TimeoutMs = None,
    plugin: Plugins = None,
    server: Server = None,
    token: Token = None,
    strict: Strict = False,
) -> None:
    """Score rollouts: one JSON object a line in, one answer a line out, in input order."""
    from assay_server.cli.scoring import score_lines

    with told_plainly():
        timeout = None if execution_timeout_ms is None else execution_timeout_ms / 1000
        tally = score_lines(reward, params, timeout, plugins=plugin or (), server=server, token=token)
        raise typer.Exit(tally.exit_code(strict=strict))


@app.command()
def advantages(
    estimator: Annotated[str, typer.Option(metavar="ID", help="gigpo, grpo, leave_one_out, ...")],
    params: Params = "{}",
    recipe: Annotated[Recipe, typer.Option(help="What of an anchor names a state.")] = Recipe.OBSERVATION,
    history_length: Annotated[int, typer.Option(min=0, help="Earlier anchors in the key; for state+history.")] = 0,
    similarity_threshold: Annotated[float, typer.Option(help="Between 0 and 1; for text-similarity.")] = 0.95,
    plugin: Plugins = None,
    server: Server = None,
    token: Token = None,
    strict: Strict = False,
) -> None:
    """Advantages of finished groups: one group a line; all lines are one batch."""
    from assay.sdk.spec import AnchorRecipe, Grouping
    from assay_server.cli.advantages import advantage_lines

    with told_plainly():
        grouping = Grouping(AnchorRecipe[recipe.name], history_length, similarity_threshold)
        tally = advantage_lines(estimator, params, grouping, plugins=plugin or (), server=server, token=token)
        raise typer.Exit(tally.exit_code(strict=strict))


@app.command()
def compute(plugin: Plugins = None, execution_timeout_ms: TimeoutMs = None, strict: Strict = False) -> None:
    """Any estimator by its id, on cases {"id", "params", "inputs"}; one a line, in input order."""
    from assay_server.cli.computing import compute_lines

    with told_plainly():
        timeout = None if execution_timeout_ms is None else execution_timeout_ms / 1000
        raise typer.Exit(compute_lines(plugin or (), timeout).exit_code(strict=strict))


@app.command(name="run-tests")
def run_tests(
    backend: Annotated[Backend | None, typer.Option(help="What runs the programs, without --server.")] = None,
    server: Server = None,
    token: Token = None,
    strict: Strict = False,
) -> None:
    """Judge programs: {"id", "language", "source", "suite"} a line in, a verdict a line out, in input order."""
    from assay_server.cli.judging_code import run_test_lines

    with told_plainly():
        tally = run_test_lines(backend.value if backend else None, server=server, token=token)
        raise typer.Exit(tally.exit_code(strict=strict))


@app.command()
def rescore(
    run: Annotated[str, typer.Argument(help="The run whose stored rollouts are scored again.")],
    reward: Reward,
    params: Params = "{}",
    store: Annotated[str | None, typer.Option(metavar="URL", help="The store to read, without --server.")] = None,
    server: Server = None,
    token: Token = None,
    strict: Strict = False,
) -> None:
    """Score a run's stored rollouts with another reward; first results stay as they were sent."""
    from assay_server.cli.rescoring import rescore_run

    with told_plainly():
        tally = rescore_run(run, reward, params, store=store, server=server, token=token)
        raise typer.Exit(tally.exit_code(strict=strict))


@app.command()
def report(
    run: Annotated[str, typer.Argument(help="The run whose page is written.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="- = standard output.")] = "-",
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="sqlite:PATH or redis://...; also while servers use it. Default as serve.",
            show_default=False,
        ),
    ] = None,
    records: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Of a store in Redis: its records. Default as serve.", show_default=False),
    ] = None,
    tenant: Annotated[str, typer.Option(help="With --store: whose run it is.")] = "local",
    server: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="A server's HTTP door instead.")] = None,
    token: Token = None,
) -> None:
    """Write the page of a run as one HTML file that needs no server: curves, distributions, prompts, specification."""
    from assay_server.cli.reporting import write_report

    with told_plainly():
        write_report(run, output, tenant=tenant, store=store, records=records, server=server, token=token)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check this machine and the configuration; exits with 1 where something is broken or unsafe."""
    from assay_server.cli.doctor import examine, show

    with told_plainly():
        raise typer.Exit(show(examine(), as_json=as_json))


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the versions of what is installed."""
    from assay_server.cli.versions import show_versions

    show_versions(as_json=as_json)
