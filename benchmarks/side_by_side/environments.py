"""ALFWorld's games: its own engine, and this project's."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from random import Random

from assay.sdk import Json
from assay_server.cli.env_bench import reset_seconds, steps_per_second
from assay_server.cli.env_episode import EpisodeNames, episode_source
from assay_server.embedded import Engine

from .alfworld_engine import alfworld_engine
from .comparison import Comparison, Picture
from .peers import NotMeasurable

METHOD = """\
Random admissible commands, episodes of 50 steps; each step includes the observation and the admissible commands of
the next one, and here also the digest of the state. *In process*: one process, processor time, so that other work
on the machine counts little. *As a service*: `make_vec` with 64 episodes of the same games in steps of all at once,
wall time, with the wire, the journal and the worker processes. Resets are of one game after another. ALFWorld's
engine is its package from the index (with TextWorld and Fast Downward), used as its own evaluation does; both play
the same folder of games where one is given (`GAMES=folder`), else this project plays scenes of its own and
ALFWorld, which has none, is not measured."""

SECONDS, EPISODES, STEPS, ROUNDS = 4.0, 64, 50, 3


def service_rate(options: dict[str, Json]) -> float:
    """Steps a second of many episodes at once, through an embedded server."""
    chance = Random(0)
    rates: list[float] = []
    with Engine() as engine, engine.make_vec("household", EPISODES // 8, 8, options=options) as episodes:
        for seed in range(ROUNDS):
            _, info = episodes.reset(seed=seed)
            began, steps = time.perf_counter(), 0
            for _ in range(STEPS):
                actions = [chance.choice(listed) if listed else None for listed in info["admissible_actions"]]
                steps += sum(action is not None for action in actions)
                _, _, _, _, info = episodes.step(actions)
            rates.append(steps / (time.perf_counter() - began))
    return max(rates)


def measure(games: Path | None) -> Comparison:
    """Both engines, on the same games where there are any."""
    missing: list[str] = []
    found = sorted(games.rglob("game.tw-pddl")) if games is not None else []
    chosen = found[:6]
    sources = [episode_source(EpisodeNames("household", game)) for game in chosen] or [
        episode_source(EpisodeNames("household", options=json.dumps({"difficulty": "medium"})))
    ]
    own = statistics.median(steps_per_second(source, seed, SECONDS / 2) for seed, source in enumerate(sources))
    reset = statistics.median(1e3 * reset_seconds(source, 10_000) for source in sources)
    rates = {"Assay, in process": own, "Assay, as a service": service_rate({"difficulty": "medium"})}
    rows = [["engine", "steps/s", "reset ms"]]
    rows.append(["Assay, in process", f"{own:,.0f}", f"{reset:.2f}"])
    rows.append(["Assay, as a service (its own scenes)", f"{rates['Assay, as a service']:,.0f}", ""])
    raw: dict[str, Json] = {"games": len(chosen), "assay": {"stepsPerSecond": own, "resetMs": reset}}
    raw["service"] = rates["Assay, as a service"]
    if not found or games is None:
        missing.append("ALFWorld's engine (no folder of games was given)")
    else:
        try:
            name, peer = alfworld_engine(games, SECONDS)
        except NotMeasurable as error:
            missing.append(f"ALFWorld's engine ({error})")
        else:
            rates[name] = peer["stepsPerSecond"]
            raw["alfworld"] = dict(peer)
            rows.append([name, f"{peer['stepsPerSecond']:,.1f}", f"{peer['resetMs']:,.0f}"])
            rows.append(
                ["ratio, in process", f"{own / peer['stepsPerSecond']:,.0f}x", f"{peer['resetMs'] / reset:,.0f}x"]
            )
    return Comparison(
        "environments", "ALFWorld's games", METHOD, {"One core": rows},
        Picture("Steps a second", {name: {"rate": rate} for name, rate in rates.items()}, "steps/s"), raw, missing,
    )  # fmt: skip
