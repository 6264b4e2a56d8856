from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_sandbox.namespaces.wire import (
    LENGTH,
    BadOutcome,
    decode_cpu,
    decode_kept,
    decode_order,
    decode_outcome,
    decode_task,
    encode_kept,
    encode_order,
    encode_outcome,
    encode_task,
)
from assay_sandbox.protocol import Exec, Launch, Limits, Outcome, PythonCall, Reason

NAMES = st.text(min_size=1, max_size=8)
OUTCOMES = st.builds(
    Outcome,
    reason=st.sampled_from(Reason),
    exit_status=st.integers(-1, 255),
    signal=st.integers(0, 64),
    stdout=st.binary(),
    stderr=st.binary(),
    stdout_truncated=st.booleans(),
    stderr_truncated=st.booleans(),
    cpu_ms=st.floats(0, 1e9),
    wall_ms=st.floats(0, 1e9),
    peak_bytes=st.integers(0, 1 << 50),
    start_ms=st.floats(0, 1e9),
    files=st.dictionaries(NAMES, st.binary()),
)


@given(OUTCOMES)
def test_an_outcome_comes_back_as_it_was(outcome: Outcome):
    data = encode_outcome(outcome)
    (size,) = LENGTH.unpack_from(data)
    assert size == len(data) - LENGTH.size
    assert decode_outcome(data[LENGTH.size :]) == outcome


@given(OUTCOMES, st.data())
def test_what_is_no_outcome_is_refused_or_is_one(outcome: Outcome, data: st.DataObject):
    body = bytearray(encode_outcome(outcome)[LENGTH.size :])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadOutcome):
        assert isinstance(decode_outcome(bytes(body)), Outcome)


@pytest.mark.parametrize("body", [b"", b"12345678", LENGTH.pack(2) + b"[]", LENGTH.pack(1 << 60) + b"[" * 5000])
def test_garbage_is_refused(body: bytes):
    with pytest.raises(BadOutcome):
        decode_outcome(body)


@pytest.mark.parametrize("program", [PythonCall("a.b:c", b"payload"), Exec(("ls", "-l"), {"A": "b"})])
def test_a_launch_comes_back_as_it_was(program: PythonCall | Exec):
    launch = Launch(program, Limits(cpu_ms=7), b"in", {"a/b": b"c"}, ("x",), stdio_on_channel=True)
    task, order = decode_task(encode_task(launch)), decode_order(encode_order(launch, passes_descriptors=False))
    assert (task.stdio_on_channel, task.cpu_ms, task.pids) == (True, 7, launch.limits.pids)
    if isinstance(program, PythonCall):
        assert (task.kind, task.what, task.more) == ("call", program.entry, program.payload)
    else:
        assert (task.kind, task.what, task.more) == ("exec", program.argv, program.env)
    assert (order.limits, order.stdin, dict(order.files), order.collect) == (
        launch.limits,
        b"in",
        {"a/b": b"c"},
        ("x",),
    )


@pytest.mark.parametrize("launch", [Launch(Exec(("ls",))), Launch(PythonCall("a.b:secret", b"secret"))])
def test_orders_for_a_supervisor_tell_nothing_of_the_program(launch: Launch):
    assert not decode_order(encode_order(launch, passes_descriptors=False)).tells_something
    assert b"secret" not in encode_order(launch, passes_descriptors=False)
    told = replace(launch, stdin=b"secret")
    assert not decode_order(encode_order(told, passes_descriptors=True)).tells_something
    assert b"secret" not in encode_order(told, passes_descriptors=True)


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40))
def test_lengths_of_output_are_taken_for_nothing_else(of_stdout: int, of_stderr: int):
    data = encode_kept(of_stdout, of_stderr)[LENGTH.size :]
    assert decode_kept(data) == (of_stdout, of_stderr)
    assert decode_cpu(data) is None
    with pytest.raises(BadOutcome):
        decode_outcome(data)


@given(OUTCOMES)
def test_an_outcome_is_taken_for_nothing_else(outcome: Outcome):
    data = encode_outcome(outcome)[LENGTH.size :]
    assert decode_kept(data) is None
    assert decode_cpu(data) is None


@pytest.mark.parametrize("change", [{"stdin": b"1"}, {"files": {"a": b""}}, {"collect": ("a",)}])
def test_input_and_files_are_something_of_the_programs(change: dict[str, object]):
    launch = replace(Launch(Exec(("ls",))), **change)
    assert decode_order(encode_order(launch, passes_descriptors=False)).tells_something
