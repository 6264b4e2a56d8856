"""Step groups: the steps of one episode group that were taken in the same anchor state, twice in a rollout included.

A recipe turns anchors into keys; keys are interned per episode group (R8), and each distinct key gets a digest of
(episode group, recipe, key), every part with its length before it, so that no two shapes collide (R9).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from operator import attrgetter, countOf
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from assay.sdk.spec import AnchorRecipe, Grouping, SimilarityOrder
from assay_server.estimators.canonical import canonical_key
from assay_server.estimators.errors import InputError, ParameterError
from assay_server.estimators.groups import NO_ANCHOR, NO_STATE, AnchorState
from assay_server.estimators.similarity import first_fit_arrival, first_fit_sorted
from assay_server.estimators.step_ids import StepIds

LONGEST_HISTORY = 64
_START = -1

_observation = attrgetter("observation")
_inventory = attrgetter("inventory")
_state_digest = attrgetter("state_digest")
_state = attrgetter("state")

Indices: TypeAlias = "npt.NDArray[np.intp]"
_Encode: TypeAlias = Callable[[Sequence[int]], Sequence[bytes]]
_Locate: TypeAlias = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class StepGroups:
    """Which steps stand together.

    Attributes:
        index: step group of each step, numbered through all episode groups in order of first appearance.
        ids: digest of each step group.
        group_starts: offsets of the episode groups in ``ids``; one more than there are groups.
    """

    index: Indices
    ids: StepIds
    group_starts: list[int]


def declared_grouping(grouping: Grouping, history: int = 0, similarity: float | None = None) -> Grouping:
    """The grouping that the run and a method's parameters declare together, within its bounds.

    ``history`` means state and history; ``similarity`` means text similarity in order of arrival. They may be given
    only where the run declares nothing.

    Raises:
        ParameterError: both are given, or one beside the run's own grouping; a history that is negative or longer
            than 64; a threshold that is not strictly between 0 and 1.
    """
    if history and similarity is not None:
        raise ParameterError("similarity", "similar texts have no history: give either history or similarity")
    if (history or similarity is not None) and grouping != Grouping():
        name = "history" if history else "similarity"
        raise ParameterError(name, f"the run declares the grouping {grouping.recipe.name}: give one or the other")
    if history:
        _require_history(history, "history")
        return Grouping(AnchorRecipe.STATE_AND_HISTORY, history)
    if similarity is not None:
        _require_threshold(similarity, "similarity")
        return Grouping(AnchorRecipe.TEXT_SIMILARITY, 0, similarity, SimilarityOrder.ARRIVAL)
    if grouping.recipe is AnchorRecipe.STATE_AND_HISTORY:
        _require_history(grouping.history_length, "history_length")
    if grouping.recipe is AnchorRecipe.TEXT_SIMILARITY:
        _require_threshold(grouping.similarity_threshold, "similarity_threshold")
    return grouping


def _require_history(length: int, name: str) -> None:
    if not 0 <= length <= LONGEST_HISTORY:
        raise ParameterError(name, f"expected an integer from 0 to {LONGEST_HISTORY}, got {length}")


def _require_threshold(threshold: float, name: str) -> None:
    if not 0.0 < threshold < 1.0:
        raise ParameterError(name, f"expected a number strictly between 0 and 1, got {threshold}")


def group_steps(
    group_ids: Sequence[str],
    anchors: Sequence[AnchorState],
    bounds: Sequence[int],
    trajectory_starts: Indices,
    grouping: Grouping,
    locate: _Locate,
) -> StepGroups:
    """Step groups of many episode groups.

    Args:
        anchors: of all steps, rollout after rollout, group after group.
        bounds: offsets of the groups in ``anchors``; one more than there are groups.
        trajectory_starts: per step, the position of its rollout's first step.
        locate: path of the step at a position, for messages.

    Raises:
        InputError: an anchor lacks what the recipe reads, or no step of a group of longer rollouts has an anchor.
    """
    if grouping.recipe is not AnchorRecipe.STATE_DIGEST:
        _require_anchors(anchors, bounds, trajectory_starts, locate)
    if grouping.recipe is AnchorRecipe.TEXT_SIMILARITY:
        return _similar(group_ids, _texts(anchors, locate), bounds, grouping)
    if grouping.recipe is AnchorRecipe.STATE_AND_HISTORY:
        return _with_history(group_ids, _states(anchors, locate), bounds, trajectory_starts, grouping.history_length)
    if grouping.recipe is AnchorRecipe.STATE_DIGEST:
        return group_keys(group_ids, "state_digest", _digests(anchors, locate), bounds)
    if grouping.recipe is AnchorRecipe.OBSERVATION_AND_INVENTORY:
        pairs = list(zip(_states(anchors, locate), map(_inventory, anchors), strict=True))
        return group_keys(group_ids, "observation_and_inventory", pairs, bounds)
    return group_keys(group_ids, "observation", _states(anchors, locate), bounds)


def history_groups(
    group_ids: Sequence[str],
    anchors: Sequence[AnchorState],
    bounds: Sequence[int],
    trajectory_starts: Indices,
    longest: int,
    locate: _Locate,
) -> list[StepGroups]:
    """Step groups by the state alone, by it and the one before, and so on up to ``longest`` before.

    The arguments are those of :func:`group_steps`; each state is read once.

    Raises:
        ParameterError: ``longest`` is negative or more than 64.
        InputError: as :func:`group_steps`.
    """
    _require_history(longest, "history")
    _require_anchors(anchors, bounds, trajectory_starts, locate)
    states = _states(anchors, locate)
    return [
        group_keys(group_ids, "observation", states, bounds),
        *(_with_history(group_ids, states, bounds, trajectory_starts, length) for length in range(1, longest + 1)),
    ]


def group_keys(group_ids: Sequence[str], recipe: str, keys: Sequence[Hashable], bounds: Sequence[int]) -> StepGroups:
    """Step groups by equality of ``keys``: texts, canonical states (bytes), or tuples of these."""
    firsts = _first_positions(keys, bounds)
    return _numbered(group_ids, recipe, firsts, bounds, lambda places: _all_encoded([keys[place] for place in places]))


def group_numbers(
    group_ids: Sequence[str],
    recipe: str,
    numbers: Indices,
    names: Callable[[Sequence[int]], Sequence[str]],
    bounds: Sequence[int],
) -> StepGroups:
    """Step groups by equality of ``numbers``, which no two episode groups share.

    Args:
        names: what distinguishes the steps at some positions inside their episode group.
    """
    places = np.arange(len(numbers))
    first = np.full(int(numbers.max(initial=-1)) + 1, len(numbers))
    np.minimum.at(first, numbers, places)
    return _numbered(group_ids, recipe, first[numbers], bounds, lambda chosen: _all_encoded(names(chosen)))


def _first_positions(keys: Sequence[Hashable], bounds: Sequence[int]) -> Indices:
    """Per step, the position of the first step of its group with an equal key."""
    found = (_firsts(keys[start:end], start, end) for start, end in pairwise(bounds))
    return np.fromiter(chain.from_iterable(found), np.intp, len(keys))


def _firsts(keys: Sequence[Hashable], start: int, end: int) -> Iterator[int]:
    seen: dict[Hashable, int] = {}
    return map(seen.setdefault, keys, range(start, end))


def _numbered(
    group_ids: Sequence[str], recipe: str, firsts: Indices, bounds: Sequence[int], encode: _Encode
) -> StepGroups:
    is_first = firsts == np.arange(len(firsts))
    number = np.cumsum(is_first) - 1
    places = np.flatnonzero(is_first)
    starts: list[int] = np.searchsorted(places, bounds).tolist()

    def ids() -> list[str]:
        tail = _part(b"r", recipe.encode())
        prefixes = [prefix + tail for prefix in _texts_encoded(b"g", group_ids)]
        return _ids(prefixes, encode(places.tolist()), starts)

    return StepGroups(number[firsts], StepIds(len(places), ids), starts)


_digest = partial(hashlib.blake2b, digest_size=16, usedforsecurity=False)


def _ids(prefixes: Sequence[bytes], keys: Sequence[bytes], starts: Sequence[int]) -> list[str]:
    """Digests of the keys, each after the prefix of its group: a copy costs a third of what a new digest does."""
    empty = _digest()
    found: list[str] = []
    for prefix, (start, end) in zip(prefixes, pairwise(starts), strict=True):
        of_group = empty.copy()
        of_group.update(prefix)
        for key in keys[start:end]:
            digest = of_group.copy()
            digest.update(key)
            found.append(digest.hexdigest())
    return found


def _all_encoded(keys: Sequence[Hashable]) -> list[bytes]:
    if set(map(type, keys)) <= {str}:
        return _texts_encoded(b"t", cast("Sequence[str]", keys))
    return list(map(_encoded, keys))


def _texts_encoded(kind: bytes, texts: Sequence[str]) -> list[bytes]:
    contents = [text.encode("utf-8", "surrogatepass") for text in texts]
    heads = {length: b"%b%d:" % (kind, length) for length in set(map(len, contents))}
    return [heads[len(content)] + content for content in contents]


def _encoded(key: Hashable) -> bytes:
    if isinstance(key, str):
        content = key.encode("utf-8", "surrogatepass")
        return b"t%d:%b" % (len(content), content)
    if isinstance(key, bytes):
        return _part(b"j", key)
    assert isinstance(key, tuple)
    return _part(b"p", b"".join(map(_encoded, cast("tuple[Hashable, ...]", key))))


def _part(kind: bytes, content: bytes) -> bytes:
    return b"%b%d:%b" % (kind, len(content), content)


def _with_history(
    group_ids: Sequence[str],
    states: Sequence[Hashable],
    bounds: Sequence[int],
    trajectory_starts: Indices,
    length: int,
) -> StepGroups:
    here = _first_positions(states, bounds)
    places = np.arange(len(here))
    columns = [here]
    for back in range(1, length + 1):
        earlier = places - back
        columns.append(np.where(earlier >= trajectory_starts, here[np.maximum(earlier, 0)], _START))
    keys = list(zip(*(column.tolist() for column in columns), strict=True))
    digests: dict[int, bytes] = {}

    def state_digest(place: int) -> bytes:
        if place not in digests:
            digests[place] = b"start" if place == _START else _digest(_encoded(states[place])).digest()
        return digests[place]

    return _numbered(
        group_ids,
        f"state_and_history/{length}",
        _first_positions(keys, bounds),
        bounds,
        lambda firsts: [_part(b"h", b"".join(_part(b"s", state_digest(at)) for at in keys[place])) for place in firsts],
    )


def _similar(group_ids: Sequence[str], texts: Sequence[str], bounds: Sequence[int], grouping: Grouping) -> StepGroups:
    arrival = grouping.similarity_order is SimilarityOrder.ARRIVAL
    first_fit = first_fit_arrival if arrival else first_fit_sorted
    exact = _first_positions(texts, bounds)
    leaders = np.empty(len(texts), np.intp)
    for start, end in pairwise(bounds):
        distinct = np.flatnonzero(exact[start:end] == np.arange(start, end)) + start
        places: list[int] = distinct.tolist()
        firsts = first_fit([texts[place] for place in places], grouping.similarity_threshold)
        leaders[distinct] = distinct[firsts]
    leader = leaders[exact]
    recipe = f"text_similarity/{'arrival' if arrival else 'sorted'}/{grouping.similarity_threshold!r}"
    return _numbered(
        group_ids,
        recipe,
        _first_positions(leader.tolist(), bounds),
        bounds,
        lambda firsts: _all_encoded([texts[int(leader[place])] for place in firsts]),
    )


def _require_anchors(
    anchors: Sequence[AnchorState], bounds: Sequence[int], trajectory_starts: Indices, locate: _Locate
) -> None:
    """Refuse a group without any anchor: all its steps would silently be one step group.

    Rollouts of one step need none: the start of a group is one state.
    """
    later = np.flatnonzero(trajectory_starts != np.arange(len(trajectory_starts)))
    several: list[int] = np.unique(np.searchsorted(bounds, later, side="right") - 1).tolist()
    for group in several:
        start, end = bounds[group], bounds[group + 1]
        if anchors[start] == NO_ANCHOR and all(anchor == NO_ANCHOR for anchor in anchors[start:end]):
            raise InputError(f"{locate(start)}.anchor", "no step of this group has an anchor state")


def _states(anchors: Sequence[AnchorState], locate: _Locate) -> list[Hashable]:
    if countOf(map(_state, anchors), NO_STATE) == len(anchors):
        return list(map(_observation, anchors))
    return [_state_key(anchor, place, locate) for place, anchor in enumerate(anchors)]


def _state_key(anchor: AnchorState, place: int, locate: _Locate) -> str | bytes:
    if anchor.state is NO_STATE:
        return anchor.observation
    try:
        return canonical_key(anchor.state)
    except InputError as error:
        raise InputError(f"{locate(place)}.anchor.state", error.message) from error


def _digests(anchors: Sequence[AnchorState], locate: _Locate) -> list[Hashable]:
    digests: list[Hashable] = list(map(_state_digest, anchors))
    if "" in digests:
        where = f"{locate(digests.index(''))}.anchor.state_digest"
        raise InputError(where, "the grouping reads state digests, and this step has none")
    return digests


def _texts(anchors: Sequence[AnchorState], locate: _Locate) -> list[str]:
    texts: list[str] = []
    for place, anchor in enumerate(anchors):
        if anchor.state is not NO_STATE and not isinstance(anchor.state, str):
            where = f"{locate(place)}.anchor.state"
            raise InputError(where, "text similarity compares texts; this is a structured state")
        texts.append(anchor.state if isinstance(anchor.state, str) else anchor.observation)
    return texts
