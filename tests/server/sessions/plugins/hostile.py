"""An environment that does to its worker whatever the action says."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import time
from collections.abc import Mapping

from assay.sdk import Json, environment
from assay_server.environments.protocol import ResetResult, StepResult


class Episode:
    """Counts its actions; ``options`` may name what its reset does."""

    def __init__(self, *, at_reset: str = "") -> None:
        self._at_reset = at_reset
        self._taken: list[str] = []

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start over."""
        del options
        self._taken = [str(seed)]
        if self._at_reset == "random":
            self._taken.append(str(random.random()))
        elif self._at_reset:
            _do(self._at_reset)
        return ResetResult(f"start {self._taken}", self.state_digest())

    def step(self, action: str) -> StepResult:
        """Do what the action says."""
        reward = _do(action)
        self._taken.append(action if action != "random" else str(random.random()))
        score = len(self._taken) / 100
        return StepResult(f"{self._taken[-1]} is done", reward, action != "wrong", action != "wrong", False, score,
                          action == "end", False, "won" if action == "end" else "")  # fmt: skip

    def anchor(self) -> str:
        """Everything so far."""
        return " ".join(self._taken)

    def state_digest(self) -> str:
        """Over everything so far, ``back`` and ``wrong`` apart."""
        kept = [one for one in self._taken if one not in ("back", "wrong")]
        return hashlib.sha256(repr(kept).encode()).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        """Two of them."""
        return ("go", "end")

    def dump(self) -> bytes:
        """Everything so far."""
        return json.dumps(self._taken).encode()

    def restore(self, dumped: bytes) -> None:
        """Continue there."""
        self._taken = json.loads(dumped)

    def count(self) -> int:
        """Actions so far, and the seed."""
        return len(self._taken)

    def close(self) -> None:
        """Nothing to let go of."""


def _do(action: str) -> float:
    match action:
        case "loop":
            while True:
                pass
        case "exit":
            os._exit(0)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise RuntimeError("secret")
        case "nan":
            return float("nan")
        case "slow":
            time.sleep(0.6)
        case _:
            pass
    return 1.0 if action == "end" else 0.0


@environment("test/hostile-v1")
class Hostile(Episode):
    """One agent."""


@environment("test/turns-v1")
class Turns(Episode):
    """Two agents who act by turns."""

    def agent_to_act(self) -> str:
        """Whose turn it is."""
        return ("alice", "bob")[self.count() % 2]
