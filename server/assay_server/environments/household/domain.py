"""Which PDDL domain the rules are written for.

A game file brings its domain. This engine has the rules of ALFRED's domain written out; a game whose domain differs in
any action is refused, since playing it by other rules than its own would be silently wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache

from assay_server.environments.household.pddl import UnreadableGame, read_actions

_DIGESTS: Mapping[str, str] = {
    "look": "95904e80c493a73ad1d5d0298482e5c4",
    "inventory": "6820c827d1a44bb5c271e174c3be188f",
    "examinereceptacle": "addca331fd6890d9bcdf492c9692d310",
    "examineobject": "e5a8f85c2b335b6f961d5ce703a57c0d",
    "gotolocation": "4d2da3fca1c839b88cddd467ea09a65c",
    "openobject": "18195d4a36f4948b16500fc4bed97ffb",
    "closeobject": "795906612ff44037551576f913566193",
    "pickupobject": "db7f728774375cb04098db3a35db5961",
    "putobject": "0cd2952fb5c6ce24c473e497c4fa997d",
    "cleanobject": "6e353f748d9c19ebf5946ac7b4a16436",
    "heatobject": "940407d0f89d26a4cb2b0fbae34b96b2",
    "coolobject": "246d02a2c8a3014cc1d597f7c6cdc46d",
    "toggleobject": "c090d694fcd4b3c0231def19ff779284",
    "sliceobject": "e7edf9685517ab554ffe1b5060f7d62a",
    "help": "6820c827d1a44bb5c271e174c3be188f",
}
"""sha256 (its first half) of each action as nested lists: comments, case and spacing do not count."""


@lru_cache(maxsize=8)
def check_domain(text: str) -> None:
    """Make sure that a domain is the one that the rules are written for.

    Raises:
        UnreadableGame: it is another one; the message names an action that differs.
    """
    actions = read_actions(text)
    found = {name: hashlib.sha256(repr(body).encode()).hexdigest()[:32] for name, body in actions.items()}
    differing = sorted(name for name in found.keys() | _DIGESTS.keys() if found.get(name) != _DIGESTS.get(name))
    if differing:
        raise UnreadableGame(
            f"the PDDL domain of the game is not ALFRED's (other: {', '.join(differing[:5])}); it would be played by"
            " the wrong rules"
        )
