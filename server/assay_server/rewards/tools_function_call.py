"""``tools/function-call``: are the calls made the calls expected?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from assay.sdk import Evidence, Json, Sample, Score, Verdict, reward
from assay_server.rewards.answers import short_key
from assay_server.rewards.calls_literals import Call
from assay_server.rewards.calls_matching import match_calls
from assay_server.rewards.calls_reading import Found, calls_of
from assay_server.rewards.calls_reference import expectation_of

_LONGEST_SHOWN = 1000
_KEY = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


@reward(
    "tools/function-call-v1",
    bounds=(0.0, 1.0),
    aliases=("function-call",),
    reference_keys=("calls", "tools", "allowed", "ordered"),
    source="AST comparison of BFCL (Berkeley Function-Calling Leaderboard), with JSON types kept apart",
)
def function_call(sample: Sample, *, ordered: bool = False, credit: Literal["all", "partial"] = "all") -> Score:
    """1 where the calls are those of the reference, no more and no less, else 0.

    The calls are the rollout's structured ones where it has any, else what the response says: JSON objects or lists,
    OpenAI's tool calls, Python calls, bare, in tags or in fences. ``ordered`` (here or in the reference): the order of
    calls counts. ``credit="partial"``: the parts that are right, see :func:`assay_server.rewards.calls_matching`.
    No expected call: right only where nothing in the response is, or tries to be, a call.
    """
    expected = expectation_of(sample.reference)
    names = {*expected.tools, *(call.name for call in expected.calls)}
    found = calls_of(sample, names)
    if found.problem:
        return _wrong(sample, found, f"no call that can be read: {found.problem}")
    if not expected.calls and not found.calls:
        evidence = Evidence(method="none", reason="no call is expected and none is made", layer="calls")
        return Score(1.0, Verdict.CORRECT, evidence, "[]", {"readable": 1.0, "names": 1.0})
    if not found.calls:
        return _wrong(sample, found, "no call found")
    in_order = ordered or expected.ordered
    match = match_calls(expected, found.calls, ordered=in_order)
    reason = "the calls are those expected" if match.equal else match.diff[0]
    shown = sample.response[:_LONGEST_SHOWN]
    end = len(shown)
    detail: dict[str, Json] = {"diff": [*match.diff]} if match.diff else {}
    evidence = Evidence(shown, found.method, 0, end, reason, "calls", detail)
    verdict = Verdict.CORRECT if match.equal else Verdict.INCORRECT
    earned = match.credit if credit == "partial" else float(match.equal)
    return Score(earned, verdict, evidence, _key(found.calls, in_order), {"readable": 1.0, "names": match.names})


def _wrong(sample: Sample, found: Found, reason: str) -> Score:
    reason = reason.encode("ascii", "backslashreplace").decode("ascii")
    shown = sample.response[:_LONGEST_SHOWN]
    evidence = Evidence(shown, found.method, 0, len(shown), reason, "calls", {"diff": [reason]})
    return Score(0.0, Verdict.INCORRECT, evidence, "", {"readable": 0.0, "names": 0.0})


def _key(calls: Sequence[Call], in_order: bool) -> str:
    """One name for calls that differ in nothing that counts; equal values of different spelling may have two."""
    texts = [_KEY.encode([call.name, call.arguments, call.positional]) for call in calls]
    texts = texts if in_order else sorted(texts)
    return short_key("[" + ",".join(texts) + "]")
