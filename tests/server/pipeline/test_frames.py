"""Answers put together from bytes are the messages that protobuf would have written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.v1 import reward_service_pb2 as wire
from assay.v1 import rollout_pb2
from assay_server.pipeline.frames import MAX_BYTES, MAX_ITEMS, frame_results, run_length
from assay_server.store.protocol import OutboxEntry, OutboxKind

texts = st.text(max_size=300)


@given(st.lists(texts, min_size=1, max_size=20), st.integers(1, 2**62))
def test_samples_and_groups_are_framed_as_protobuf_would(names: list[str], first: int) -> None:
    for kind in (OutboxKind.SAMPLE, OutboxKind.GROUP):
        if kind is OutboxKind.SAMPLE:
            results = [rollout_pb2.SampleResult(rollout_id=name) for name in names]
            whole = wire.StreamRolloutsResponse(sample_results=wire.SampleResults(results=results))
            payloads = [result.SerializeToString() for result in results]
        else:
            groups = [rollout_pb2.GroupResult(group_id=name, kept=True) for name in names]
            whole = wire.StreamRolloutsResponse(group_results=wire.GroupResults(groups=groups))
            payloads = [group.SerializeToString() for group in groups]
        entries = [OutboxEntry(first + i, kind, payload) for i, payload in enumerate(payloads)]
        whole.sequence = first + len(names) - 1
        data, last = frame_results(entries)
        assert last == whole.sequence
        assert data == whole.SerializeToString()


def test_a_batch_result_stands_alone() -> None:
    batch = wire.BatchResult(barrier_id="b", group_ids=["g"] * 100)
    data, _ = frame_results([OutboxEntry(7, OutboxKind.BATCH, batch.SerializeToString())])
    assert wire.StreamRolloutsResponse.FromString(data) == wire.StreamRolloutsResponse(sequence=7, batch_result=batch)


def _entries(*sizes: tuple[OutboxKind, int]) -> list[OutboxEntry]:
    return [OutboxEntry(i + 1, kind, b"x" * size) for i, (kind, size) in enumerate(sizes)]


@pytest.mark.parametrize(
    ("entries", "length"),
    [
        (_entries((OutboxKind.SAMPLE, 1)), 1),
        (_entries((OutboxKind.SAMPLE, 1), (OutboxKind.SAMPLE, 1), (OutboxKind.GROUP, 1)), 2),
        (_entries((OutboxKind.BATCH, 1), (OutboxKind.BATCH, 1)), 1),
        (_entries((OutboxKind.GROUP, 1), (OutboxKind.BATCH, 1)), 1),
        (_entries(*[(OutboxKind.SAMPLE, 1)] * (MAX_ITEMS + 5)), MAX_ITEMS),
        (_entries((OutboxKind.SAMPLE, MAX_BYTES + 1), (OutboxKind.SAMPLE, 1)), 1),
        (_entries((OutboxKind.SAMPLE, MAX_BYTES - 1), (OutboxKind.SAMPLE, 1), (OutboxKind.SAMPLE, 1)), 2),
    ],
)
def test_an_answer_holds_one_kind_within_its_limits(entries: list[OutboxEntry], length: int) -> None:
    assert run_length(entries) == length
