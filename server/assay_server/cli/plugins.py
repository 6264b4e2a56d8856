"""``assay plugin new | check | list``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay_server.cli.exit_codes import ExitCode
from assay_server.cli.plugins_templates import Kind
from assay_server.cli.refusals import told_plainly

app = typer.Typer(help="Write, check and list plugins.", no_args_is_help=True)

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
) -> None:
    """Run a plugin on plain and hostile inputs and explain what is found; exits with 1 where a check fails."""
    from assay_server.cli.plugins_report import check_all, shown_finding

    with told_plainly():
        findings = check_all(plugin)
        for finding in findings:
            typer.echo(shown_finding(finding, as_json=as_json))
        failed = any(not finding.passed for finding in findings)
        raise typer.Exit(ExitCode.ITEM_ERRORS if failed else ExitCode.OK)


@app.command(name="list")
def list_(
    plugins: Annotated[list[str] | None, typer.Option("--plugin", metavar="PATH[:NAME]", help="List this too.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what can be named: built-ins and plugins, the broken ones with the reason and the definition at fault."""
    from assay_server.cli.plugins_report import listed_plugins

    with told_plainly():
        for line in listed_plugins(plugins or [], as_json=as_json):
            typer.echo(line)
