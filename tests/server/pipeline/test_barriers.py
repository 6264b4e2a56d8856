"""Which finished groups make a batch: against a model that looks at every prefix."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.v1 import reward_service_pb2 as wire
from assay_server.pipeline.barriers import Batches, FinishedGroup, batch_statistics

groups_of = st.lists(st.tuples(st.booleans(), st.integers(1, 8)), max_size=30)


def _batches(shapes: list[tuple[bool, int]], barrier: wire.Barrier) -> Batches:
    batches = Batches()
    for number, (kept, rollouts) in enumerate(shapes):
        batches.add_group(FinishedGroup(f"g{number}", kept, "" if kept else "flat", rollouts))
    batches.open(barrier, ["a"])
    return batches


@given(groups_of, st.integers(1, 10), st.booleans())
def test_a_batch_is_the_shortest_beginning_that_has_enough(
    shapes: list[tuple[bool, int]], wanted: int, by_count: bool
) -> None:
    barrier = wire.Barrier(barrier_id="b")
    if by_count:
        barrier.count = wanted
    else:
        barrier.kept_groups = wanted
    batches = _batches(shapes, barrier)
    weights = [rollouts if by_count else int(kept) for kept, rollouts in shapes]
    enough = [length for length in range(len(weights) + 1) if sum(weights[:length]) >= wanted]
    current = batches.current
    assert current is not None
    taken = batches.take(current, idle=False)
    assert taken == (enough[0] if enough else None)
    assert batches.progress(current).missing == max(0, wanted - sum(weights))
    if taken is not None:
        batches.finish("b", frozenset(f"g{i}" for i in range(taken)))
        assert [group.group_id for group in batches.waiting()] == [f"g{i}" for i in range(taken, len(shapes))]
        assert batches.current is None


@pytest.mark.parametrize(
    ("idle", "arrived", "taken"), [(True, ["a", "b"], 2), (False, ["a", "b"], None), (True, ["a"], None)]
)
def test_all_participants_takes_everything_once_all_are_there_and_idle(
    idle: bool, arrived: list[str], taken: int | None
) -> None:
    batches = Batches()
    for name in ("g", "h"):
        batches.add_group(FinishedGroup(name, kept=True, drop_reason="", rollouts=1))
    barrier = batches.open(wire.Barrier(barrier_id="b", participants=["a", "b"], all_participants=True), arrived)
    assert batches.take(barrier, idle=idle) == taken
    assert barrier.missing_participants() == [name for name in ("a", "b") if name not in arrived]
    assert barrier.participants == ("a", "b")


@given(st.lists(st.lists(st.sampled_from([-1.5, 0.0, 0.25, 1.0, 3.0]), max_size=6), max_size=8))
def test_statistics_over_groups_are_those_over_their_rewards(rewards: list[list[float]]) -> None:
    groups = [
        FinishedGroup(
            f"g{number}",
            kept=bool(members),
            drop_reason="" if members else "too_few_scored",
            rollouts=len(members) + 1,
            scored=len(members),
            reward_sum=sum(members),
            reward_square_sum=sum(reward * reward for reward in members),
            flat=len(set(members)) < 2,
        )
        for number, members in enumerate(rewards)
    ]
    everything = [reward for members in rewards for reward in members]
    found = batch_statistics(groups)
    assert found.scored == len(everything)
    assert found.rollouts == len(everything) + len(rewards)
    assert found.reward_mean == pytest.approx(statistics.fmean(everything) if everything else 0.0)
    assert found.reward_std == pytest.approx(statistics.stdev(everything) if len(everything) > 1 else 0.0, abs=1e-7)
    assert sum(found.drop_reasons.values()) == sum(not members for members in rewards)
