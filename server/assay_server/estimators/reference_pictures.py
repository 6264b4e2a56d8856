"""A small picture of what each estimator does to one sample group, drawn from the registry; a test compares the page.

Grey: the rewards of the group's members. Green and red: their advantages, on a scale of each picture's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from assay.sdk.samples import Json
from assay.sdk.spec import EstimatorChoice, Grouping
from assay_server.estimators.catalogue import ESTIMATORS, compile_estimator
from assay_server.estimators.definition import EstimatorDefinition
from assay_server.estimators.groups import AnchorState, Group, Member, Role, Signal, StepRecord

REWARDS = (1.0, 0.0, 0.0, 0.5, 0.0, 1.0, 0.0, 0.0)
"""Of the sample group. Its members walk two steps each: all from one room, half of them to the same next one."""

_OTHERS = (1.0, 1.0, 0.0, 1.0)
_PARAMS: dict[str, dict[str, Json]] = {
    "advantage/stratified-v1": {"alpha": 0.5},
    "advantage/per_component-v1": {"weights": {"answer": 1.0, "format": 0.5}},
}
_COLUMNS, _WIDTH, _HEIGHT = 3, 250, 84
_BAR, _GAP, _TALL = 9, 4, 26
_ROLES = frozenset({Role.POLICY, Role.GREEDY})


def sample_batch(definition: EstimatorDefinition) -> list[Group]:
    """Two groups; the second is only there for methods that compare groups."""
    greedy = bool(definition.reference_roles)
    return [_group("sample", REWARDS, greedy=greedy), _group("other", _OTHERS, greedy=greedy)]


def advantages_of(definition: EstimatorDefinition) -> list[float]:
    """What the method says of the sample group's members, NaN where nothing; of steps the last of each member."""
    choice = EstimatorChoice(definition.id, _params(definition))
    roles = frozenset({Role.POLICY}) if definition.reference_roles else _ROLES
    estimator = compile_estimator(choice, Grouping(), roles)
    result = estimator.advantages(sample_batch(definition))[0]
    if len(result.step_totals):
        lasts = np.cumsum(result.step_counts) - 1
        return [float(value) for value in result.step_totals[lasts[: len(REWARDS)]]]
    return [float(value) for value in result.advantages[: len(REWARDS)]]


def pictures() -> str:
    """All pictures as one SVG, in order of their ids."""
    shown = sorted(ESTIMATORS.values(), key=lambda definition: definition.id)
    rows = -(-len(shown) // _COLUMNS)
    width, height = _COLUMNS * _WIDTH, rows * _HEIGHT
    cells = [
        f'<g transform="translate({place % _COLUMNS * _WIDTH},{place // _COLUMNS * _HEIGHT})">{_cell(one)}</g>'
        for place, one in enumerate(shown)
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
    )
    return "\n".join([head, *cells, "</svg>", ""])


def _cell(definition: EstimatorDefinition) -> str:
    advantages = advantages_of(definition)
    largest = max([abs(value) for value in advantages if not np.isnan(value)], default=0.0)
    start = 8 + len(REWARDS) * (_BAR + _GAP) + 16
    return "".join(
        [
            f'<text x="8" y="14" fill="#222">{escape(definition.id)}</text>',
            _bars(8, REWARDS, 1.0, ("#999", "#999")),
            _bars(start, advantages, largest, ("#2a9d5c", "#c8442f")),
            f'<text x="8" y="66" fill="#666" font-size="9">largest {largest:.2f}</text>',
        ]
    )


def _bars(left: int, values: Sequence[float], largest: float, colours: tuple[str, str]) -> str:
    middle = 22 + _TALL
    line = f'<path d="M{left} {middle}h{len(values) * (_BAR + _GAP)}" stroke="#ccc"/>'
    drawn: list[str] = [line]
    for place, value in enumerate(values):
        if np.isnan(value) or not largest:
            continue
        tall = round(abs(value) / largest * _TALL, 1)
        if tall:
            top = middle - tall if value > 0.0 else float(middle)
            colour = colours[0] if value > 0.0 else colours[1]
            x = left + place * (_BAR + _GAP)
            drawn.append(f'<rect x="{x}" y="{top:g}" width="{_BAR}" height="{tall:g}" fill="{colour}"/>')
    return "".join(drawn)


def _params(definition: EstimatorDefinition) -> dict[str, Json]:
    return _PARAMS.get(definition.id, {})


def _group(name: str, rewards: Sequence[float], *, greedy: bool) -> Group:
    members = [_member(f"{name}-{place}", place, reward) for place, reward in enumerate(rewards)]
    if greedy:
        members.append(Member(f"{name}-greedy", 0.5, Role.GREEDY))
    return Group(name, tuple(members))


def _member(name: str, place: int, reward: float) -> Member:
    signals: dict[str, Signal] = {
        "stratum": float(place % 2),
        "budget": 512.0 * (1 + place % 2),
        "token_ids": np.array([1, 2 + place % 2, 4 + place % 3], np.int64),
    }
    steps = (
        StepRecord(AnchorState(observation="hall"), 0.0),
        StepRecord(AnchorState(observation="cellar" if place % 2 else f"room {place}"), reward),
    )
    return Member(
        name,
        reward,
        steps=steps,
        signals=signals,
        components={"answer": reward, "format": float(place % 2)},
        num_tokens=100 + 40 * place,
        answer_key=f"{reward:g}",
        prompt_id=name.partition("-")[0],
    )
