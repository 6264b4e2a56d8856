"""The rules that are written out, held against the games' own domain, tried out by brute force in odd variants."""

from __future__ import annotations

import re
from random import Random

import pytest

from assay_server.environments.household import Household

from .planner import Planner
from .recordings import need_recordings, recording, recording_ids

_ODD = (
    "(isCool {o})", "(isHot {o})", "(isClean {o})", "(isSliced {o})", "(opened {r})", "(openable {r})",
    "(inReceptacle {o} {r})", "(objectAtLocation {o} {l})", "(toggleable {o})", "(pickupable {o})", "(sliceable {o})",
)  # fmt: skip


def odd_variant(problem: str, rng: Random) -> str:
    """The problem with facts that no generator would have put there."""
    start, end = problem.index("(:init"), problem.index("(:goal")
    init = problem[start:end].rstrip()
    objects = [found[1] for found in re.finditer(r"\(objectAtLocation (\S+) ", init)]
    receptacles = [(found[1], found[2]) for found in re.finditer(r"\(receptacleAtLocation (\S+) (\S+)\)", init)]
    receptacle = [name for name, _ in receptacles]
    places = [place for _, place in receptacles]
    facts = [
        rng.choice(_ODD).format(o=rng.choice(objects), r=rng.choice(receptacle), l=rng.choice(places))
        for _ in range(rng.randint(2, 9))
    ]
    if rng.random() < 0.3:
        facts += [f"(holds agent1 {rng.choice(objects)})", "(holdsAny agent1)"]
    if rng.random() < 0.5:
        init = re.sub(r"\(atLocation agent1 \S+\)", f"(atLocation agent1 {rng.choice(places)})", init)
    return f"{problem[:start]}{init.removesuffix(')')}\n{' '.join(facts)})\n{problem[end:]}"


@pytest.mark.parametrize("id_", (recording_ids() or ["absent"])[::3])
def test_commands_and_goal_are_those_of_the_domain(id_: str) -> None:
    need_recordings()
    game, rng = recording(id_).game(), Random(id_)
    problem = odd_variant(str(game["pddl_problem"]), rng)
    environment = Household()
    reset = environment.reset(0, {"game": {**game, "pddl_problem": problem}})
    planner = Planner(str(game["pddl_domain"]), problem, str(game["grammar"]))
    assert reset.won == planner.won()
    for _ in range(15):
        commands, admissible = planner.commands(), environment.admissible_actions()
        assert tuple(sorted(commands)) == admissible
        busy = [command for command in admissible if not command.startswith("go ")]
        command = rng.choice(busy if rng.random() < 0.6 else admissible)
        result = environment.step(command)
        planner.perform(*commands[command])
        assert result.won == planner.won()
        if result.terminated:
            break
