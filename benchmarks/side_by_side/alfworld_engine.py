"""ALFWorld's own engine on a folder of games, in an environment of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import cast

from .peers import NotMeasurable, peer_python, version_of

_SCRIPT = Path(__file__).with_name("alfworld_peer.py")
_RUN_SECONDS = 600


def alfworld_engine(games: Path, seconds: float) -> tuple[str, dict[str, float]]:
    """Its name with its version, and what it does in so many seconds: ``stepsPerSecond``, ``resetMs``, ``steps``.

    Raises:
        NotMeasurable: it cannot be installed, or fails.
    """
    python = peer_python("alfworld", "alfworld")
    command = [python, _SCRIPT, str(games.resolve()), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_RUN_SECONDS)
    if done.returncode:
        raise NotMeasurable(f"it failed: {done.stderr.strip().splitlines()[-1]}")
    measured = cast("dict[str, float]", json.loads(done.stdout.splitlines()[-1]))
    return f"ALFWorld {version_of(python, 'alfworld')}", measured
