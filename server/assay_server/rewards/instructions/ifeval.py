"""``instructions/ifeval``: does a response do what its instructions ask, as far as a program can tell?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from assay.sdk import Evidence, Json, Lane, Sample, Score, Unscorable, Verdict, reward
from assay_server.rewards.catalogue import nearest
from assay_server.rewards.instructions.arguments import Arguments
from assay_server.rewards.instructions.families import FAMILIES
from assay_server.rewards.regions import without_thoughts

_MOST_INSTRUCTIONS = 64
_LONGEST_INLINE = 32_768
_LONGEST_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a reference; ``component`` is its id, with ``#2`` and so on where it is not the first."""

    component: str
    family: str
    arguments: Arguments


def _on_the_loop(sample: Sample, **parameters: object) -> Score | None:
    return None if len(sample.response) > _LONGEST_INLINE else ifeval.function(sample, **parameters)


@reward(
    "instructions/ifeval-v1",
    bounds=(0.0, 1.0),
    lane=Lane.CPU,
    quick=_on_the_loop,
    aliases=("ifeval",),
    reference_keys=("instruction_id_list", "kwargs"),
    source="IFEval (Zhou et al., 2023), with its checkers' errors put right",
)
def ifeval(
    sample: Sample, *, mode: Literal["strict", "loose"] = "strict", credit: Literal["all", "fraction"] = "all"
) -> Score:
    """1 where every instruction of the reference is followed, else 0; ``credit="fraction"``: the share that is.

    A component and a constraint for each instruction, and the component ``fraction``. ``loose`` takes the best of the
    response, the response without its first line, its last line and both, each as it is and without asterisks. Thoughts
    are no part of the response; one that says nothing follows no instruction.
    """
    instructions = instructions_of(sample.reference)
    said = without_thoughts(sample.response)
    readings = [] if said is None or not said.strip() else _readings(said.strip(), mode)
    faults = {each.component: _fault(each, readings) for each in instructions}
    kept = {component: not reason for component, reason in faults.items()}
    fraction = sum(kept.values()) / len(kept)
    broken: dict[str, Json] = {component: reason for component, reason in faults.items() if reason}
    first = next(iter(broken.items()), None)
    reason = "every instruction is followed" if first is None else f"{first[0]}: {first[1]}"
    shown = sample.response[:_LONGEST_SHOWN]
    evidence = Evidence(shown, mode, 0, len(shown), reason, "instructions", {"broken": broken} if broken else {})
    verdict = Verdict.INCORRECT if broken else Verdict.CORRECT
    components = {component: float(held) for component, held in kept.items()} | {"fraction": fraction}
    value = fraction if credit == "fraction" else float(not broken)
    return Score(value, verdict, evidence, components=components, constraints=kept)


def _readings(said: str, mode: str) -> list[str]:
    if mode == "strict":
        return [said]
    lines = said.split("\n")
    parts = (lines, lines[1:], lines[:-1], lines[1:-1])
    plain = ["\n".join(part).strip() for part in parts]
    both = dict.fromkeys([*plain, *(text.replace("*", "") for text in plain)])
    return [text for text in both if text.strip()]


def _fault(instruction: Instruction, readings: list[str]) -> str:
    """Why no reading follows the instruction: what is said of the first one; empty where one does."""
    check = FAMILIES[instruction.family]
    first = ""
    for text in readings:
        reason = check(text, instruction.arguments)
        if not reason:
            return ""
        first = first or reason
    if not readings:
        check("-", instruction.arguments)  # what the reference lacks is said of every response
    return first or "the response says nothing"


def instructions_of(reference: Mapping[str, Json]) -> list[Instruction]:
    """The instructions of a reference ``{"instruction_id_list": [...], "kwargs": [...]}``.

    Raises:
        Unscorable: something is missing, or an instruction is unknown.
    """
    ids = reference.get("instruction_id_list")
    if not isinstance(ids, list) or not 0 < len(ids) <= _MOST_INSTRUCTIONS:
        reason = "REFERENCE_MISSING" if ids is None else "REFERENCE_UNPARSEABLE"
        message = f"instruction_id_list: expected 1 to {_MOST_INSTRUCTIONS} ids of instructions"
        raise Unscorable(reason, message, field="reference.instruction_id_list")
    return list(_instructions(ids, reference.get("kwargs")))


def _instructions(ids: list[Json], given: Json) -> Iterator[Instruction]:
    if given is None:
        given = [{} for _ in ids]
    if not isinstance(given, list) or len(given) != len(ids):
        message = f"kwargs: expected a list of {len(ids)} objects, one for each instruction"
        raise Unscorable("REFERENCE_UNPARSEABLE", message, field="reference.kwargs")
    seen: dict[str, int] = {}
    for number, (family, arguments) in enumerate(zip(ids, given, strict=True)):
        if not isinstance(family, str) or family not in FAMILIES:
            hint = f"; nearest: {', '.join(nearest(family, FAMILIES))}" if isinstance(family, str) else ""
            message = f"instruction_id_list[{number}]: no instruction is called {str(family)[:80]!r}{hint}"
            raise Unscorable("REFERENCE_UNPARSEABLE", message, field="reference.instruction_id_list")
        if not isinstance(arguments, dict | None):
            message = f"kwargs[{number}]: expected an object"
            raise Unscorable("REFERENCE_UNPARSEABLE", message, field="reference.kwargs")
        seen[family] = seen.get(family, 0) + 1
        component = family if seen[family] == 1 else f"{family}#{seen[family]}"
        yield Instruction(component, family, Arguments(f"kwargs[{number}]", arguments or {}))
