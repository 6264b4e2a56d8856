"""Rewards with two stages, and one that asks for what a worker does not have. Loaded as a plugin by the tests."""

from __future__ import annotations

from assay.sdk import JudgeRequest, Lane, Ports, Sample, Score, Unscorable, Verdict, reward


def first_look(sample: Sample) -> Score | None:
    """Decides short texts."""
    if sample.response == "refuse":
        raise Unscorable("REFUSED", "not this one")
    return Score(0.25, Verdict.INCORRECT) if len(sample.response) < 10 else None


@reward("stages/two-v1", bounds=(0, 1), lane=Lane.CPU, quick=first_look)
def two(sample: Sample) -> Score:
    """What the first look leaves."""
    del sample
    return Score(0.75, Verdict.CORRECT)


@reward("stages/asks_judge-v1", bounds=(0, 1), lane=Lane.CPU)
async def asks_judge(sample: Sample, ports: Ports) -> Score:
    """A worker has no connections."""
    await ports.judge.ask(JudgeRequest("main", "?", {"text": sample.response}, {}))
    return Score(1.0)
