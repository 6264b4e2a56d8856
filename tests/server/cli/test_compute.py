from __future__ import annotations

import json

import pytest

from .command import assay, metadata_of, reason_of

CASE = {
    "id": "advantage/grpo_mean_only",
    "params": {},
    "inputs": {"rollouts": [{"group": "q", "reward": 1.0}, {"group": "q", "reward": 0.0}]},
}


def test_cases_are_computed_in_input_order():
    other = CASE | {"id": "advantage/leave_one_out"}
    done = assay("compute", stdin="\n".join(json.dumps(case) for case in (CASE, other, CASE)).encode())
    assert done.code == 0
    assert [line["id"] for line in done.lines] == [CASE["id"], other["id"], CASE["id"]]
    assert [line["outputs"] for line in done.lines[:2]] == [{"advantages": [0.5, -0.5]}, {"advantages": [1.0, -1.0]}]


def test_a_line_that_cannot_be_read_is_answered_in_its_place():
    text = json.dumps(CASE).encode()
    done = assay("compute", stdin=text + b'\n\n{"id": "x", "inputs": NaN}\n' + b"[" * 10_000 + b"\n\xff\n" + text)
    assert done.code == 3
    assert [reason_of(line) for line in done.lines[1:4]] == ["NOT_FINITE", "NESTED_TOO_DEEP", "NOT_UTF8"]
    assert [metadata_of(line)["line"] for line in done.lines[1:4]] == ["3", "4", "5"]
    assert done.lines[1]["id"] == "x"
    assert done.lines[0] == done.lines[4]


@pytest.mark.parametrize(("flags", "code"), [([], 0), (["--strict"], 1)])
def test_a_case_that_cannot_be_computed_is_an_answer(flags: list[str], code: int):
    done = assay("compute", *flags, stdin=b'{"id": "advantage/nonsense", "params": {}, "inputs": {}}')
    assert (done.code, len(done.lines)) == (code, 1)
    assert "error" in done.lines[0]


def test_no_input_gives_no_output():
    assert assay("compute") == assay("compute", stdin=b"\n\n")
    assert assay("compute").lines == []


def test_nothing_but_answers_is_written():
    assert assay("compute", stdin=json.dumps(CASE).encode()).stderr == ""
