"""The page of the command line, from the commands' own declarations."""

from __future__ import annotations

from collections.abc import Iterator

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from assay_server.cli.app import app

from .markdown import page, table


def command_page() -> str:
    """Every command with its arguments and options."""
    return page(
        "Command line",
        "JSON Lines in and out; see [a file of rollouts](../how-to/score-a-file.md). Exit statuses are in "
        "[errors](../errors.md), variables of the server in [settings](settings.md).",
        sections(get_command(app), "assay"),
    )


def sections(command: object, name: str) -> Iterator[str]:
    """A command's section and those of its subcommands."""
    if isinstance(command, TyperGroup):
        for word in sorted(command.commands):
            yield from sections(command.commands[word], f"{name} {word}")
    elif isinstance(command, TyperCommand) and not command.hidden:
        yield section(command, name)


def section(command: TyperCommand, name: str) -> str:
    """One command."""
    rows = [row(one) for one in command.params if isinstance(one, (TyperArgument, TyperOption)) and not one.hidden]
    parts = [f"## {name}", " ".join((command.help or "").split()), table(("parameter", "default", ""), rows)]
    return "\n\n".join(part for part in parts if part)


def row(parameter: TyperArgument | TyperOption) -> tuple[str, str, str]:
    """A line of a command's table."""
    told = parameter.help or ""
    if isinstance(parameter, TyperArgument):
        return (f"`{(parameter.metavar or parameter.name or '').upper()}`", needed(parameter), told)
    names = ", ".join(f"`{one}`" for one in (*parameter.opts, *parameter.secondary_opts))
    return (
        names if parameter.is_flag else f"{names} `{parameter.metavar or 'VALUE'}`",
        needed(parameter),
        told,
    )


def needed(parameter: TyperArgument | TyperOption) -> str:
    """A default that says something, or that there is none."""
    default = parameter.default
    if parameter.required:
        return "must be given"
    return "" if callable(default) or default in (None, False, ()) else f"`{getattr(default, 'value', default)}`"
