"""Environments in one process: steps a second and the time of a reset, beside ALFWorld's own engine where it is there.

A step is a random admissible command with what a session needs of it: observation, admissible actions, state digest.
Times are process time, so other work on the machine counts little. Resets are of a new seed each (a game file is read
once and kept). ALFWorld's engine is measured in the same run where a folder of games is given, in an environment of its
own below build/peers: ``python benchmarks/environments.py [FOLDER_OF_GAMES]``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from side_by_side.alfworld_engine import alfworld_engine
from side_by_side.peers import NotMeasurable

from assay.sdk import Json
from assay_server.cli.env_bench import reset_seconds, steps_per_second
from assay_server.cli.env_episode import EpisodeNames, EpisodeSource, episode_source

SECONDS = 4.0
ROUNDS = 3


def main() -> None:
    """Measure everything and print a table."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    rows: list[tuple[str, EpisodeSource]] = [
        (f"household, generated, {difficulty}", _source("household", {"difficulty": difficulty}))
        for difficulty in ("easy", "medium", "hard")
    ]
    if folder is not None:
        games = sorted(folder.rglob("game.tw-pddl"))[:3]
        rows += [(f"household, {one.parts[-3][:40]}", episode_source(EpisodeNames("household", one))) for one in games]
    rows.append(("keydoor", _source("keydoor", {})))
    rows.append(("apps", _source("apps", {})))
    print(f"{'':52}{'steps/s':>12}{'reset ms':>12}   (best of {ROUNDS} rounds of {SECONDS:g} s; median reset)")
    for name, source in rows:
        rate = max(steps_per_second(source, seed, SECONDS) for seed in range(ROUNDS))
        print(f"{name:<52}{rate:>12,.0f}{1000 * reset_seconds(source, 10_000):>12.2f}")
    if folder is None:
        print("ALFWorld's own engine: not measured (no folder of games is given)")
        return
    try:
        name, peer = alfworld_engine(folder, SECONDS)
    except NotMeasurable as error:
        print(f"ALFWorld's own engine: not measured ({error})")
        return
    print(f"{name + ', its own engine':<52}{peer['stepsPerSecond']:>12,.0f}{peer['resetMs']:>12.2f}")


def _source(name: str, options: dict[str, Json]) -> EpisodeSource:
    return episode_source(EpisodeNames(name, options=json.dumps(options)))


if __name__ == "__main__":
    main()
