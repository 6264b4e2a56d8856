"""Overlap of answers that are sets or intervals."""

from __future__ import annotations

from collections.abc import Set as AbstractSet


def subset_credit(predicted: AbstractSet[str], gold: AbstractSet[str]) -> float:
    """``|P| / |G|`` where P is a subset of G, else 0; an empty P earns 0. ``gold`` must not be empty."""
    return len(predicted) / len(gold) if predicted <= gold else 0.0


def interval_iou(predicted: tuple[float, float], gold: tuple[float, float]) -> float:
    """Intersection over union; 0 for disjoint, inverted or empty intervals, two equal points among them."""
    (start, end), (gold_start, gold_end) = predicted, gold
    overlap = min(end, gold_end) - max(start, gold_start)
    union = max(end, gold_end) - min(start, gold_start)
    return overlap / union if end >= start and gold_end >= gold_start and overlap > 0.0 else 0.0
