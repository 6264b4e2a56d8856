"""Checks of what works on finished groups, in a process that can be killed."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import cast

from assay.sdk import PluginDefinition, PluginKind
from assay_server.execution.plugin_checks import Finding, bound_examples, example_group

_SECONDS = 5.0


def check_plugin(definition: PluginDefinition) -> list[Finding]:
    """Declaration, and for functions: length, bounds, determinism and odd groups."""
    declared = f"{definition.kind.value} with {len(definition.parameters)} parameters"
    findings = [Finding(definition.id, "declaration", True, declared)]
    if definition.kind is PluginKind.ENVIRONMENT:
        return findings
    problem = _in_a_process(lambda: _group_problem(definition))
    fine = "one valid answer for groups of 0, 1, 2 and 8 members, equal each time"
    return [*findings, Finding(definition.id, "groups", not problem, problem or fine)]


def _in_a_process(work: Callable[[], str]) -> str:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(theirs, work), daemon=True)
    process.start()
    theirs.close()
    try:
        return str(ours.recv()) if ours.poll(_SECONDS) else f"it did not end within {_SECONDS:g} s"
    except EOFError:
        return "it ended its process"
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()


def _send(connection: Connection, work: Callable[[], str]) -> None:
    connection.send(work())


def _group_problem(definition: PluginDefinition) -> str:
    bound = bound_examples(definition.parameters)
    for size in (0, 1, 2, 8):
        group = example_group(size)
        given: object = [group] if definition.kind is PluginKind.BATCH_REWARD else group
        try:
            said = [definition.function(given, **bound) for _ in range(3)]
        except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
            return f"a group of {size} members: it raised {type(error).__name__}: {error}"
        if definition.deterministic and any(repr(one) != repr(said[0]) for one in said):
            return f"a group of {size} members: equal groups got different answers: {said[0]!r} and {said[1]!r}"
        problem = _answer_problem(definition, said[0], size)
        if problem:
            return f"a group of {size} members: {problem}"
    return ""


def _answer_problem(definition: PluginDefinition, said: object, size: int) -> str:
    if definition.kind is PluginKind.SELECTOR:
        return "" if isinstance(said, str) else f"expected a reason (empty = keep), got {said!r}"
    if definition.kind is PluginKind.BATCH_REWARD:
        groups = list(cast("Sequence[object]", said))
        if len(groups) != 1:
            return f"expected numbers for 1 group, got {len(groups)}"
        said = groups[0]
    try:
        values = [float(cast("float", value)) for value in cast("Sequence[object]", said)]
    except (TypeError, ValueError):
        return f"expected {size} numbers, got {said!r}"
    if len(values) != size:
        return f"expected {size} numbers, got {len(values)}"
    bad = [v for v in values if not math.isfinite(v) or not definition.minimum <= v <= definition.maximum]
    return f"{bad[0]} is outside [{definition.minimum:g}, {definition.maximum:g}]" if bad else ""
