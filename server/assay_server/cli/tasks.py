"""``assay tasks list | generate``: puzzles drawn by seed, as tasks for a trainer."""

from __future__ import annotations

from typing import Annotated

import typer

from assay_server.cli.refusals import Usage, told_plainly

app = typer.Typer(help="Draw tasks whose answers the built-in rewards judge.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="FAMILY", help="`assay tasks list` shows them.")]
Level = Annotated[int, typer.Option(min=1, help="1 is the easiest.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List the families with their levels."""
    import json

    from assay_server.rewards.puzzles.families import FAMILIES

    with told_plainly():
        for family in FAMILIES.values():
            one = {"name": family.name, "summary": family.summary, "levels": family.levels}
            plain = f"{family.name}  levels 1 to {family.levels}  {family.summary}"
            typer.echo(json.dumps(one) if as_json else plain)


@app.command()
def generate(
    family: Name,
    level: Level = 1,
    count: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many tasks.")] = 1,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal tasks.")] = 0,
) -> None:
    """Draw tasks: one JSON object a line, with the prompt, the reference of the reward, and a right answer."""
    import json

    from assay_server.rewards.catalogue import nearest
    from assay_server.rewards.puzzles.families import FAMILIES
    from assay_server.rewards.puzzles.tasks import drawn

    with told_plainly():
        if family not in FAMILIES:
            hint = ", ".join(nearest(family, FAMILIES)) or ", ".join(FAMILIES)
            raise Usage(f"there are no tasks called {family[:80]!r}; there are {hint}")
        if level > FAMILIES[family].levels:
            raise Usage(f"{family} has the levels 1 to {FAMILIES[family].levels}, not {level}")
        for index in range(count):
            task = drawn(FAMILIES[family], level, seed, index)
            line = {
                "taskId": f"{family}/{level}/{seed}/{index}",
                "taskType": family,
                "prompt": task.prompt,
                "reference": dict(task.reference),
                "solution": task.solution,
                "extra": {"level": level, "seed": seed, "index": index},
            }
            typer.echo(json.dumps(line))
