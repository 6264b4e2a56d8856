"""``verify/solver``: is an answer to a linear optimisation problem feasible, and how far is it from the optimum?"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal, cast

from assay.sdk import Evidence, Json, Sample, Score, Unscorable, Verdict, reward
from assay.sdk.values import value
from assay_server.rewards.numeric_answers import (
    final_text,
    json_in,
    missing,
    number_of,
    numbers_of,
    reference_numbers,
    unparseable,
)

_MOST = 1000
_MOST_TERMS = 100_000
_ASSIGNED = re.compile(r"([A-Za-z_]\w*+)\s*+(?:=|:)\s*+([+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?)(?![\w./*^])")


@value
class Problem:
    """Optimise ``objective @ x`` under rows ``coefficients @ x <sense> bound`` and ``lower <= x <= upper``."""

    names: Sequence[str]
    maximise: bool
    objective: Sequence[float]
    rows: Sequence[tuple[Sequence[float], str, float]]
    lower: Sequence[float]
    upper: Sequence[float]
    integers: Sequence[int]
    optimum: float


@reward(
    "verify/solver-v1",
    bounds=(0.0, 1.0),
    reference_keys=("objective", "constraints", "optimum", "sense", "variables", "lower", "upper", "integers"),
    source="verify/solver: feasibility and gap (AlphaOPT)",
)
def solver(
    sample: Sample, *, gap: float = 1e-6, feasibility: float = 1e-6, credit: Literal["all", "gap"] = "all"
) -> Score:
    """1 where the assignment is feasible and its relative gap to ``optimum`` is at most ``gap``, else 0.

    The gap is ``max(0, worse by) / max(1, |optimum|)``; ``credit="gap"``: a feasible answer earns
    ``max(0, 1 - gap)``. The answer is a JSON list of numbers or an object by variable, or ``x = 1, y = 2``; the
    objective is computed, never taken from the response. ``feasibility``: how far a row may be missed, relative to
    ``max(1, |bound|)``. Variables lie in 0 .. infinity unless ``lower`` and ``upper`` say otherwise. An answer that
    beats the optimum by more than the tolerances proves the reference wrong: REFERENCE_UNPARSEABLE.
    """
    if gap < 0.0 or feasibility < 0.0:
        raise Unscorable("INVALID_PARAMETER", "gap and feasibility must not be negative")
    problem = problem_of(sample.reference)
    judged = final_text(sample)
    point = None if judged is None else _assignment(judged.text, problem.names)
    if judged is None or point is None:
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no assignment of all variables found"),
                     components={"feasible": 0.0})  # fmt: skip
    broken = violation(problem, point, feasibility)
    reached = _dot(problem.objective, point)
    distance = math.inf
    if not broken and math.isfinite(reached):
        distance = (problem.optimum - reached) * (1.0 if problem.maximise else -1.0) / max(1.0, abs(problem.optimum))
        if distance < -max(gap, feasibility * _slack(problem)):
            message = f"optimum: {problem.optimum:g} is beaten by a feasible answer with {reached:g}"
            raise Unscorable("REFERENCE_UNPARSEABLE", message, field="reference.optimum")
    optimal = distance <= gap
    reason = broken or f"objective {reached:.6g}, gap {max(0.0, distance):.3g}"
    evidence = Evidence(judged.text[:1000], judged.method, judged.start, judged.end, reason, "linear")
    earned = float(optimal) if credit == "all" or optimal else min(1.0, max(0.0, 1.0 - distance))
    verdict = Verdict.CORRECT if optimal else Verdict.INCORRECT
    return Score(earned, verdict, evidence, components={"feasible": float(not broken)})


def _slack(problem: Problem) -> float:
    """How much an objective can gain from rows that are missed by the tolerance: a generous estimate."""
    largest = max((abs(row[2]) for row in problem.rows), default=1.0)
    return 100.0 * (1.0 + sum(map(abs, problem.objective))) * max(1.0, largest)


def violation(problem: Problem, point: Sequence[float], tolerance: float) -> str:
    """The first condition that a point breaks; empty where it keeps all."""
    for at, name in enumerate(problem.names):
        low, high = problem.lower[at], problem.upper[at]
        if point[at] < low - tolerance * max(1.0, abs(low)) or point[at] > high + tolerance * max(1.0, abs(high)):
            return f"{name} = {point[at]:g} lies outside {low:g}..{high:g}"
    for at in problem.integers:
        if abs(point[at] - round(point[at])) > tolerance:
            return f"{problem.names[at]} = {point[at]:g} is no integer"
    for number, (coefficients, sense, bound) in enumerate(problem.rows):
        left = _dot(coefficients, point)
        over = left - bound
        missed = abs(over) if sense == "=" else over if sense == "<=" else -over
        if not missed <= tolerance * max(1.0, abs(bound)):
            return f"constraint {number + 1}: {left:g} {sense} {bound:g} does not hold"
    return ""


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum([a * b for a, b in zip(left, right, strict=True)])


def _assignment(text: str, names: Sequence[str]) -> list[float] | None:
    held = json_in(text)
    if isinstance(held, list):
        return numbers_of(held, len(names))
    if isinstance(held, dict):
        inner = held.get("variables", held.get("solution"))
        given = inner if isinstance(inner, dict) else held
        read = [number_of(given.get(name)) for name in names]
        return None if None in read else cast("list[float]", read)
    found: dict[str, float] = {}
    for match in _ASSIGNED.finditer(text):
        number = float(match[2])
        if match[1] in names and (not math.isfinite(number) or found.setdefault(match[1], number) != number):
            return None
    return [found[name] for name in names] if len(found) == len(names) else None


# ---------------------------------------------------------------- reference


def problem_of(reference: Mapping[str, Json]) -> Problem:
    """Read a problem.

    ``objective``: coefficients, a list, or an object by variable; ``constraints``: objects
    ``{"coefficients", "sense": "<=" | ">=" | "=", "bound"}``; ``sense``: ``max`` or ``min``; ``lower``, ``upper``: one
    number or null for each; ``integers``: names of variables, or true for all.

    Raises:
        Unscorable: something is missing, or not as described.
    """
    for key in ("objective", "constraints", "optimum"):
        if reference.get(key) is None:
            raise missing(key)
    objective = reference["objective"]
    names = _names(reference.get("variables"), objective)
    optimum, sense = number_of(reference["optimum"]), reference.get("sense", "min")
    if optimum is None or sense not in ("max", "maximize", "maximise", "min", "minimize", "minimise"):
        raise unparseable("optimum" if optimum is None else "sense", "a number" if optimum is None else "max or min")
    listed = reference["constraints"]
    if not isinstance(listed, list) or len(listed) * len(names) > _MOST_TERMS:
        raise unparseable("constraints", f"a list with at most {_MOST_TERMS} coefficients")
    lower = [low if low is not None else 0.0 for low in _bounds(reference, "lower", names)]
    upper = [high if high is not None else math.inf for high in _bounds(reference, "upper", names)]
    rows = [_row(item, names) for item in listed]
    integers = _integers(reference.get("integers"), names)
    return Problem(names, str(sense).startswith("max"), _coefficients(objective, names, "objective"), rows, lower,
                   upper, integers, optimum)  # fmt: skip


def _names(declared: Json, objective: Json) -> list[str]:
    if declared is None and isinstance(objective, dict):
        names = list(objective)
    elif declared is None and isinstance(objective, list):
        names = [f"x{place + 1}" for place in range(len(objective))]
    elif isinstance(declared, list) and all(isinstance(name, str) for name in declared):
        names = [str(name) for name in declared]
    else:
        raise unparseable("variables", "a list of names")
    if not 0 < len(names) <= _MOST or len(set(names)) < len(names):
        raise unparseable("variables", f"1 to {_MOST} different names")
    return names


def _coefficients(held: Json, names: Sequence[str], key: str) -> list[float]:
    if isinstance(held, dict) and set(held) <= set(names):
        read = numbers_of([held.get(name, 0) for name in names])
    else:
        read = numbers_of(held, len(names))
    if read is None:
        raise unparseable(key, "a finite number for each variable")
    return read


def _row(item: Json, names: Sequence[str]) -> tuple[list[float], str, float]:
    if not isinstance(item, dict):
        raise unparseable("constraints", 'objects {"coefficients", "sense", "bound"}')
    sense = item.get("sense", "<=")
    (bound,) = reference_numbers({"bound": [item.get("bound", item.get("rhs"))]}, "bound", 1)
    if sense not in ("<=", ">=", "=", "=="):
        raise unparseable("constraints", "a sense of <=, >= or =")
    return _coefficients(item.get("coefficients"), names, "constraints"), str(sense).replace("==", "="), bound


def _bounds(reference: Mapping[str, Json], key: str, names: Sequence[str]) -> list[float | None]:
    held = reference.get(key)
    if held is None:
        return [None] * len(names)
    given = [held.get(name) for name in names] if isinstance(held, dict) else held
    if not isinstance(given, list) or len(given) != len(names):
        raise unparseable(key, "a number or null for each variable")
    read = [number_of(item) for item in given]
    if any(number is None and item is not None for number, item in zip(read, given, strict=True)):
        raise unparseable(key, "a number or null for each variable")
    return read


def _integers(held: Json, names: Sequence[str]) -> list[int]:
    if held is None or held is False:
        return []
    if held is True:
        return list(range(len(names)))
    if not isinstance(held, list) or not all(name in names for name in held):
        raise unparseable("integers", "names of variables, or true")
    return [names.index(str(name)) for name in held]
