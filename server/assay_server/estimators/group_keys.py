"""Which rollouts, steps, prefixes or nodes stand together, by each of the keys that methods group by.

Classes come in order of first appearance; their ids are digests of method, episode group and key, so that equal inputs
have equal ids on any replica.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from assay.sdk.samples import Json
from assay.sdk.spec import AnchorRecipe, Grouping, SimilarityOrder
from assay_server.estimators.anchored_steps import AnchoredSteps
from assay_server.estimators.canonical import canonical_key
from assay_server.estimators.case_values import text
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.rows import Rows, whole_number
from assay_server.estimators.trees import leaf_paths

_ROLLOUTS = "rollouts {group, %s}"


@method(
    "group/episode-v1",
    reach="group",
    inputs="rollouts {task, initial_state_digest}; group, may be left out",
    formula="key = task + digest of the initial state",
    edges="Members of one group that start differently: refused.",
    source="GiGPO; all GRPO forms",
)
def episode(inputs: Mapping[str, Json]) -> Outputs:
    """Rollouts of one task from one identical start."""
    rows = Rows(inputs)
    keys = list(zip(rows.values("task"), rows.values("initial_state_digest"), strict=True))
    starts: dict[bytes, tuple[Json, Json]] = {}
    for place, (name, key) in enumerate(zip(rows.optional("group"), keys, strict=True)):
        if name is not None and starts.setdefault(canonical_key(name), key) != key:
            raise InputError(rows.path(place, "initial_state_digest"), "expected the start of the others of its group")
    return _classes("episode", [list(key) for key in keys])


@method(
    "group/anchor-v1",
    reach="group",
    inputs="trajectories {group, steps [{state}]}",
    formula="key = episode group + canonical state, without prompt, history or action list",
    edges='1, "1" and true differ, 1 equals 1.0, the order of object keys does not matter, nesting does.',
    source="GiGPO",
)
def anchor(inputs: Mapping[str, Json]) -> Outputs:
    """Steps taken in one state, twice in one trajectory included."""
    return AnchoredSteps.read(inputs).classes(Grouping())


@method(
    "group/anchor_history-v1",
    reach="group",
    inputs="trajectories {group, steps [{state}]}",
    formula="key = episode group + canonical state + the last k states, for each k = 0 .. history",
    edges="Before the first step stands a padding that equals no state.",
    source="HGPO",
)
def anchor_history(inputs: Mapping[str, Json], *, history: int = 1) -> Outputs:
    """Steps taken in one state after the same states, nested."""
    levels = AnchoredSteps.read(inputs).nested(history)
    every: list[Json] = list(levels)
    return {**levels[-1], "levels": every}


@method(
    "group/anchor_similar-v1",
    reach="group",
    inputs="trajectories {group, steps [{state: a text}]}",
    formula="2 M / (len a + len b) >= threshold (difflib), greedy, first fit against the first member, in (rollout, "
    "step) order",
    edges="A state that is no text: refused. A threshold that is not strictly between 0 and 1: refused.",
    source="GiGPO (similarity)",
)
def anchor_similar(inputs: Mapping[str, Json], *, threshold: float = 0.95) -> Outputs:
    """Steps whose states read alike."""
    require(0.0 < threshold < 1.0, "threshold", "a number strictly between 0 and 1", threshold)
    grouping = Grouping(AnchorRecipe.TEXT_SIMILARITY, 0, threshold, SimilarityOrder.ARRIVAL)
    return AnchoredSteps.read(inputs, as_texts=True).classes(grouping)


@method(
    "group/prefix_tree-v1",
    reach="group",
    inputs="rollouts {group, tokens}",
    formula="members of a group with equal tokens up to and with position j, per j",
    edges="A response that has ended has left the prefix. Padding takes no part. Prefixes that one member alone has "
    "are not listed.",
    source="TEMPO",
)
def prefix_tree(inputs: Mapping[str, Json]) -> Outputs:
    """Responses by what they share from the start."""
    rows = Rows(inputs)
    tokens = [own.tolist() for own in rows.tokens().parts()]
    nodes: list[Json] = []
    shared: list[list[int]] = [[] for _ in rows.names]
    for place, group in enumerate(rows.partition.index.tolist()):
        shared[group].append(place)
    length = 0
    while shared:
        below: dict[tuple[int, int], list[int]] = {}
        for node, members in enumerate(shared):
            for member in members:
                if len(tokens[member]) > length:
                    below.setdefault((node, tokens[member][length]), []).append(member)
        length += 1
        shared = [members for members in below.values() if len(members) > 1]
        nodes.extend({"length": length, "members": list(members)} for members in shared)
    return {"nodes": nodes}


@method(
    "group/tree_path-v1",
    reach="group",
    inputs="leaves {path q#i#j}",
    formula="key = the first d + 1 names of the path, for every depth d",
    edges="Any depth. A path twice: refused.",
    source="TreePO, SPO-tree",
)
def tree_path(inputs: Mapping[str, Json]) -> Outputs:
    """Leaves by the nodes above them."""
    nodes: dict[str, list[int]] = {}
    for place, path in enumerate(leaf_paths(Rows(inputs, "leaves"))):
        for depth in range(len(path)):
            nodes.setdefault("#".join(path[: depth + 1]), []).append(place)
    return {"nodes": [{"path": path, "leaves": list(places)} for path, places in nodes.items()]}


@method(
    "group/serial-v1",
    reach="group",
    inputs="exits {position} of one trace",
    formula="one group, in order of position",
    edges="Equal positions: by place in the list.",
    source="S-GRPO",
)
def serial(inputs: Mapping[str, Json]) -> Outputs:
    """The exits of one trace in their order."""
    positions = Rows(inputs, "exits").numbers("position", 0.0)
    order: list[int] = np.argsort(positions, kind="stable").tolist()
    return {"groups": [list(order)] if order else [], "positions": positions[order].tolist()}


@method(
    "group/budget-v1",
    reach="group",
    inputs=_ROLLOUTS % "budget",
    formula="key = episode group + declared token budget",
    edges="The budget is the rollout's, never parsed from text. Missing: refused.",
    source="HBPO",
)
def budget(inputs: Mapping[str, Json]) -> Outputs:
    """Rollouts with the same token budget."""
    rows = Rows(inputs)
    budgets: list[Json] = rows.numbers("budget", 0.0).tolist()
    return _keyed("budget", rows, budgets)


@method(
    "group/stratum-v1",
    reach="group",
    inputs=_ROLLOUTS % "stratum",
    formula="key = episode group + structural key, such as the number of search calls",
    edges="Missing: refused.",
    source="Stratified GRPO",
)
def stratum(inputs: Mapping[str, Json]) -> Outputs:
    """Rollouts of one structure."""
    rows = Rows(inputs)
    return _keyed("stratum", rows, rows.values("stratum"))


@method(
    "group/step_index-v1",
    reach="group",
    inputs="trajectories {group, steps: a list, or how many}",
    formula="key = episode group + number of the step",
    edges="Ragged: members that have no such step are absent.",
    source="R1-Router",
)
def step_index(inputs: Mapping[str, Json]) -> Outputs:
    """The t-th steps of a group."""
    rows = Rows(inputs, "trajectories")
    counts = [_number_of_steps(rows, place, value) for place, value in enumerate(rows.values("steps"))]
    names = rows.partition.index.tolist()
    places = [[place, step] for place, count in enumerate(counts) for step in range(count)]
    keys: list[Json] = [[rows.names[names[place]], step] for place, step in places]
    return _classes("step_index", keys, places)


@method(
    "group/bundle-v1",
    reach="group",
    inputs="rollouts {bundle, question}",
    formula="the k-th responses of a bundle's questions form paper k, k below the fewest responses of a question",
    edges="Responses beyond that are unpaired.",
    source="RiskPO",
)
def bundle(inputs: Mapping[str, Json]) -> Outputs:
    """Several prompts as papers."""
    rows = Rows(inputs)
    questions: dict[bytes, dict[bytes, list[int]]] = {}
    for place, (name, question) in enumerate(zip(rows.values("bundle"), rows.values("question"), strict=True)):
        own = questions.setdefault(canonical_key(name), {})
        own.setdefault(canonical_key(question), []).append(place)
    groups: list[list[int]] = []
    for own in questions.values():
        papers = min(map(len, own.values()))
        groups.extend([responses[paper] for responses in own.values()] for paper in range(papers))
    paired = {place for paper in groups for place in paper}
    unpaired: list[Json] = [place for place in range(len(rows)) if place not in paired]
    return {"groups": [list(paper) for paper in groups], "unpaired": unpaired}


@method(
    "group/arms-v1",
    reach="group",
    inputs=_ROLLOUTS % "feature",
    formula="key = episode group + whether the response has the feature",
    edges="An arm may be empty: it is then no group.",
    source="GeometryZero (GCPO)",
)
def arms(inputs: Mapping[str, Json]) -> Outputs:
    """Rollouts with and without a feature."""
    rows = Rows(inputs)
    features: list[Json] = rows.flags("feature").tolist()
    return _keyed("arms", rows, features)


@method(
    "group/role-v1",
    reach="group",
    inputs=_ROLLOUTS % "agent_role; parent_step (null: none), may be left out",
    formula="key = episode group + role of the agent + step of the parent",
    edges="n x G rollouts instead of G^n.",
    source="Hi-Agent",
)
def role(inputs: Mapping[str, Json]) -> Outputs:
    """Planner and actor, each compared with its own kind."""
    rows = Rows(inputs)
    pairs = zip(rows.values("agent_role"), rows.optional("parent_step"), strict=True)
    return _keyed("role", rows, [[text(name, "agent_role"), step] for name, step in pairs])


@method(
    "group/equivalence-v1",
    reach="group",
    inputs=_ROLLOUTS % "class: what its execution gave",
    formula="key = episode group + equivalence class of the outputs",
    edges="Classes come from execution, not from text; null: could not be run, a class of its own each.",
    source="OORL / GEPO",
)
def equivalence(inputs: Mapping[str, Json]) -> Outputs:
    """Rollouts whose programs do the same."""
    rows = Rows(inputs)
    return _keyed(
        "equivalence", rows, [["alone", p] if key is None else key for p, key in enumerate(rows.values("class"))]
    )


@method(
    "group/rounds-v1",
    reach="group",
    inputs="rollouts {question, rounds: how many}",
    formula="all rounds of all rollouts of a question; each round is one sample",
    edges="A rollout without rounds has no sample.",
    source="IterResearch",
)
def rounds(inputs: Mapping[str, Json]) -> Outputs:
    """Rounds as samples of their question."""
    rows = Rows(inputs)
    questions = rows.values("question")
    places = [[place, turn] for place, count in enumerate(rows.counts("rounds").tolist()) for turn in range(int(count))]
    return _classes("rounds", [questions[place] for place, _ in places], places)


GROUP_KEY_METHODS = table(
    episode,
    anchor,
    anchor_history,
    anchor_similar,
    prefix_tree,
    tree_path,
    serial,
    budget,
    stratum,
    step_index,
    bundle,
    arms,
    role,
    equivalence,
    rounds,
)


def _keyed(name: str, rows: Rows, keys: Sequence[Json]) -> Outputs:
    groups = rows.values("group")
    return _classes(name, [[group, key] for group, key in zip(groups, keys, strict=True)])


def _classes(name: str, keys: Sequence[Json], places: Sequence[Sequence[int]] | None = None) -> Outputs:
    """Equal keys together; ``places``: what outputs call them, their numbers where left out."""
    found: dict[bytes, list[Json]] = {}
    for place, key in enumerate(keys):
        found.setdefault(canonical_key(key), []).append(place if places is None else list(places[place]))
    ids: list[Json] = [
        hashlib.blake2b(b"%b:%b" % (name.encode(), key), digest_size=16, usedforsecurity=False).hexdigest()
        for key in found
    ]
    return {"groups": list(found.values()), "ids": ids}


def _number_of_steps(rows: Rows, place: int, value: Json) -> int:
    if isinstance(value, list):
        return len(value)
    return whole_number({rows.path(place, "steps"): value}, rows.path(place, "steps"))
