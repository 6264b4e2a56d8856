"""``assay plugin new | check | add | list``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay_server.cli.exit_codes import ExitCode
from assay_server.cli.plugins_templates import Kind
from assay_server.cli.refusals import told_plainly

app = typer.Typer(help="Write, check, register and list plugins.", no_args_is_help=True)

Server = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Have this server do it, in its sandbox.")]
Token = Annotated[str | None, typer.Option(envvar="ASSAY_TOKEN", help="Key for --server.", show_envvar=True)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Of the package, e.g. acme-math.")],
    kind: Annotated[Kind, typer.Option(help="What it declares.")] = Kind.REWARD,
    directory: Annotated[Path, typer.Option(help="Where its folder is made.")] = Path(),
) -> None:
    """Write a package with a plugin of a few lines, its test, and the entry point that makes it known."""
    from assay_server.cli.plugins_scaffold import write_scaffold

    with told_plainly():
        for path in write_scaffold(name, directory, kind):
            typer.echo(str(path))
        typer.echo(
            f"next: cd {directory / name}; pip install -e '.[test]'; pytest; assay plugin check {name}", err=True
        )


@app.command()
def check(
    plugin: Annotated[str, typer.Argument(metavar="FILE|FILE:NAME|MODULE", help="What to check.")],
    as_json: AsJson = False,
    server: Server = None,
    token: Token = None,
) -> None:
    """Run a plugin on plain and hostile inputs and explain what is found; exits with 1 where a check fails."""
    from assay_server.cli.plugins_registered import check_there
    from assay_server.cli.plugins_report import check_all, shown_finding

    with told_plainly():
        findings = check_all(plugin) if server is None else check_there(plugin, server, token)
        for finding in findings:
            typer.echo(shown_finding(finding, as_json=as_json))
        failed = any(not finding.passed for finding in findings)
        raise typer.Exit(ExitCode.ITEM_ERRORS if failed else ExitCode.OK)


@app.command()
def add(
    plugin: Annotated[str, typer.Argument(metavar="FILE|FILE:NAME", help="What to register.")],
    server: Annotated[str, typer.Option(metavar="HOST:PORT", help="The server whose runs shall know it.")],
    token: Token = None,
    digest: Annotated[str, typer.Option(help="Refuse a source that has another one.")] = "",
    as_json: AsJson = False,
) -> None:
    """Register a plugin with a server, which runs it in its sandbox only; prints its id and its digest."""
    from assay_server.cli.plugins_registered import add_there

    with told_plainly():
        typer.echo(add_there(plugin, server, token, digest, as_json=as_json))


@app.command(name="list")
def list_(
    plugins: Annotated[list[str] | None, typer.Option("--plugin", metavar="PATH[:NAME]", help="List this too.")] = None,
    as_json: AsJson = False,
    server: Server = None,
    token: Token = None,
) -> None:
    """List what can be named: built-ins and plugins, the broken ones with the reason and the definition at fault."""
    from assay_server.cli.plugins_registered import listed_there
    from assay_server.cli.plugins_report import listed_plugins

    with told_plainly():
        if server is None:
            lines = listed_plugins(plugins or [], as_json=as_json)
        else:
            lines = listed_there(plugins or [], server, token, as_json=as_json)
        for line in lines:
            typer.echo(line)
