"""``code/policy``: how well does the program in the response play an environment?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from assay.sdk import (
    Evidence,
    Json,
    Lane,
    PlayedEpisode,
    PolicyTrial,
    Ports,
    Sample,
    Score,
    Unscorable,
    Verdict,
    reward,
)
from assay_server.rewards.code_blocks import Block, Unfenced, find_program

_MOST_EPISODES = 64
_MOST_STEPS = 1000
_MOST_SEED = 1 << 53
_LONGEST_SHOWN = 2000
_LONGEST_MESSAGE = 300
_PLAYED = "PLAYED"
_NOTHING = {"success": 0.0, "score": 0.0, "return": 0.0, "steps": 0.0, "played": 0.0}

Measure = Literal["success", "score", "return"]


@reward(
    "code/policy-v1",
    bounds=(0.0, 1.0),
    lane=Lane.SANDBOX,
    reference_keys=("environment", "options", "seed", "episodes"),
    source="program as policy",
)
async def policy(
    sample: Sample,
    ports: Ports,
    *,
    measure: Measure = "success",
    episodes: int = 8,
    seed: int = 0,
    max_steps: int = 200,
    lowest: float = 0.0,
    highest: float = 1.0,
    unfenced: Unfenced = "whole",
) -> Score:
    """How well a Python program plays ``reference.environment``, with ``reference.options``, over seeded episodes.

    Its function ``act(observation, admissible_actions)`` is called at every step, in a sandbox, and returns the action;
    what it keeps in globals lasts for the episode. The environment is hosted outside, its seeds are not told:
    ``seed``, ``seed + 1``, ... (here or in the reference). ``measure``: ``success``, the share of episodes won;
    ``score``, the mean task score; ``return``, the mean of ``(return - lowest) / (highest - lowest)``, clipped to
    [0, 1]. An episode in which the program raises, ends, hangs or answers with no text is not won, scores 0 and
    counts as a return of ``lowest``. Components: ``success``, ``score``, ``return`` (the plain mean, of failed episodes
    what they had lost), ``steps`` (mean) and ``played``, the share of episodes in which nothing of that happened.

    Raises:
        Unscorable: no environment (REFERENCE_MISSING), one that is unknown or not for programs, bad options.
    """
    if not (math.isfinite(lowest) and math.isfinite(highest) and lowest < highest):
        raise Unscorable("INVALID_PARAMETER", f"lowest {lowest} is to be less than highest {highest}", field="lowest")
    trial = _trial(sample.reference, episodes, seed, max_steps)
    block = find_program(sample.response, "python", unfenced)
    if block is None:
        return Score(0.0, Verdict.INCORRECT, Evidence(reason="no complete code block found"), components=_NOTHING)
    played = await ports.sandbox.play(block.text, trial)
    count = len(played)
    whole = [one for one in played if one.status == _PLAYED]
    returns = [one.total if one.status == _PLAYED else min(0.0, one.total) for one in played]
    components = {
        "success": sum(one.won for one in whole) / count,
        "score": math.fsum(one.score for one in whole) / count,
        "return": math.fsum(returns) / count,
        "steps": sum(one.steps for one in played) / count,
        "played": len(whole) / count,
    }
    value = components[measure]
    if measure == "return":
        value = math.fsum(min(1.0, max(0.0, (one.total - lowest) / (highest - lowest))) for one in whole) / count
    verdict = Verdict.CORRECT if components["success"] == 1 else Verdict.INCORRECT
    return Score(value, verdict, _evidence(block, played), components=components)


def _trial(reference: Mapping[str, Json], episodes: int, seed: int, max_steps: int) -> PolicyTrial:
    environment = reference.get("environment")
    if not isinstance(environment, str) or not environment:
        message = 'the reference names no environment; send it as {"environment": "keydoor", "options": {...}}'
        raise Unscorable("REFERENCE_MISSING", message, field="reference.environment")
    options = reference.get("options", {})
    if not isinstance(options, dict):
        raise Unscorable("REFERENCE_UNPARSEABLE", "options: expected an object", field="reference.options")
    first = _whole("seed", reference.get("seed", seed), 0, _MOST_SEED)
    count = _whole("episodes", reference.get("episodes", episodes), 1, _MOST_EPISODES)
    seeds = tuple(range(first, first + count))
    return PolicyTrial(environment, seeds, options, _whole("max_steps", max_steps, 1, _MOST_STEPS))


def _whole(name: str, value: Json, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        message = f"{name}: expected an integer from {least} to {most}, got {str(value)[:80]}"
        raise Unscorable("REFERENCE_UNPARSEABLE", message, field=f"reference.{name}")
    return value


def _evidence(block: Block, played: Sequence[PlayedEpisode]) -> Evidence:
    """What was judged, and the first episode that was not played to its end."""
    lost = next((one for one in played if one.status != _PLAYED), None)
    reason = f"won {sum(one.won for one in played)} of {len(played)} episodes"
    if lost is not None:
        reason = f"{lost.status}: {lost.message[:_LONGEST_MESSAGE]}"
    told: list[Json] = [
        {"status": one.status, "return": one.total, "score": one.score, "won": one.won, "steps": one.steps}
        for one in played
    ]
    shown = block.text[:_LONGEST_SHOWN]
    return Evidence(shown, block.method, block.start, block.end, reason, layer="episodes", detail={"episodes": told})
