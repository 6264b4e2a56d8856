from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_server.cli.line_source import Line, LineSource


@pytest.fixture
def pipe() -> Iterator[tuple[int, BinaryIO]]:
    read, write = os.pipe()
    with os.fdopen(write, "wb", buffering=0) as writer:
        yield read, writer
    os.close(read)


def read_all(descriptor: int, *, max_lines: int = 256, max_bytes: int = 10**6, limit: int = 1000) -> list[list[Line]]:
    source = LineSource(descriptor, max_line_bytes=limit)
    batches = list(source.batches(max_lines=max_lines, max_bytes=max_bytes))
    source.close()
    return batches


def lines_of(data: bytes, tmp_path: Path, **limits: int) -> list[Line]:
    path = tmp_path / "input"
    path.write_bytes(data)
    with path.open("rb") as file:
        return [line for batch in read_all(file.fileno(), **limits) for line in batch]


def test_blank_lines_are_counted_and_left_out(tmp_path: Path):
    assert [(line.number, line.text) for line in lines_of(b"a\n\n  \r\nb\nc", tmp_path)] == [
        (1, b"a"),
        (4, b"b"),
        (5, b"c"),
    ]


def test_empty_input_has_no_batch(tmp_path: Path):
    assert lines_of(b"", tmp_path) == []


def test_a_line_over_the_limit_keeps_its_size_and_beginning_and_the_next_line_is_whole(tmp_path: Path):
    found = lines_of(b"x" * 200_000 + b"\nshort\n" + b"y" * 1001, tmp_path, limit=1000)
    assert [(line.number, line.size) for line in found] == [(1, 200_000), (2, 5), (3, 1001)]
    assert len(found[0].text) < 200_000
    assert found[1].text == b"short"


def test_batches_are_bounded_in_lines_and_in_bytes(tmp_path: Path):
    path = tmp_path / "input"
    path.write_bytes(b"12345\n" * 100)
    with path.open("rb") as file:
        assert {len(batch) for batch in read_all(file.fileno(), max_lines=10)} == {10}
    with path.open("rb") as file:
        assert {len(batch) for batch in read_all(file.fileno(), max_bytes=24)} == {4}
    with path.open("rb") as file:
        assert {len(batch) for batch in read_all(file.fileno(), max_bytes=1)} == {1}


def test_what_a_pipe_holds_is_given_without_waiting_for_more(pipe: tuple[int, BinaryIO]):
    read, write = pipe
    source = LineSource(read)
    batches = source.batches(max_lines=256, max_bytes=10**6)
    write.write(b"one\ntwo\npart")
    assert [line.text for line in next(batches)] == [b"one", b"two"]
    write.write(b"ial\n")
    assert [line.text for line in next(batches)] == [b"partial"]
    write.close()
    assert list(batches) == []
    source.close()


def test_stop_ends_an_iteration_that_waits(pipe: tuple[int, BinaryIO]):
    source = LineSource(pipe[0])
    ended = threading.Event()

    def iterate() -> None:
        list(source.batches(max_lines=1, max_bytes=1))
        ended.set()

    thread = threading.Thread(target=iterate)
    thread.start()
    source.stop()
    assert ended.wait(10)
    thread.join()
    source.close()


@given(st.lists(st.binary(max_size=20).filter(lambda text: b"\n" not in text)), st.integers(1, 5), st.integers(1, 50))
def test_lines_come_back_in_order_however_they_are_cut(texts: list[bytes], max_lines: int, max_bytes: int):
    read, write = os.pipe()
    with os.fdopen(write, "wb") as out:
        out.write(b"\n".join(texts))
    found = [line for batch in read_all(read, max_lines=max_lines, max_bytes=max_bytes) for line in batch]
    os.close(read)
    expected = [(number, text) for number, text in enumerate(texts, 1) if text.strip()]
    assert [(line.number, line.text) for line in found] == expected
