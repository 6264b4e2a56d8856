"""Inequalities that are not linear, against regions: sampled around the region's ends."""

from __future__ import annotations

from assay_server.rewards.mathematics.floating import evaluate
from assay_server.rewards.mathematics.regions import NoRegion, Region, region_of
from assay_server.rewards.mathematics.tree import Node, variables


def sampled(a: Node, b: Node) -> bool | None:
    """An inequality that is not linear, against a region: agreement at many points around the region's ends."""
    for region_node, condition in ((a, b), (b, a)):
        if condition.op != "rel" or len(variables(condition)) != 1:
            continue
        try:
            region = region_of(region_node)
        except NoRegion:
            continue
        return _agrees(region, condition)
    return None


def _agrees(region: Region, condition: Node) -> bool | None:
    (name,) = variables(condition)
    ends = [end for piece in region for end in piece if abs(end.position) != float("inf")]
    positions = [end.position for end in ends]
    widest = max([1.0, *map(abs, positions)])
    points = [position + shift * widest for position in positions for shift in (-1e-4, 1e-4, -1e-2, 1e-2)]
    points += [(number - 40) * 0.137 * widest for number in range(81)]
    for point in points:
        if any(abs(point - position) < 1e-9 for position in positions):
            continue
        inside = any(piece.low.position < point < piece.high.position for piece in region)
        holds = _holds(condition, name, point)
        if holds is None or holds != inside:
            return None if holds is None else False
    closed = "=" in condition.name
    return all(end.closed == closed for end in ends)


def _holds(condition: Node, name: str, point: float) -> bool | None:
    values = [evaluate(side, {name: point}) for side in condition.args]
    for left, operator, right in zip(values, condition.name.split(), values[1:], strict=False):
        if left is None or right is None or operator not in ("<", ">", "<=", ">="):
            return None
        gap = (left[0] - right[0]).real
        if (gap < 0) != (operator[0] == "<"):
            return False
    return True
