"""From what a policy wrote to the action that an environment is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from assay.sdk.samples import Json
from assay_server.estimators.case_values import given, listed, text
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require


@method(
    "steps/action_projection-v1",
    reach="sample",
    inputs="response; admissible: the actions that the environment takes, may be left out",
    formula="the action is what stands between the last opening and the closing tag after it; it is valid if it is "
    "there and, where admissible is told, among them",
    edges="Tags missing: no action, not valid; fallback=last_characters takes the last characters of the response as "
    "the released code does, and calls it invalid, too. admissibility=unchecked: every action between tags is valid.",
    source="GiGPO (released projections of ALFWorld, 30 characters, and WebShop, 20)",
)
def action_projection(
    inputs: Mapping[str, Json],
    *,
    tag: str = "action",
    fallback: Literal["none", "last_characters"] = "none",
    characters: int = 30,
    admissibility: Literal["checked", "unchecked"] = "checked",
) -> Outputs:
    """The action of a response, and whether it is one."""
    require(characters >= 1, "characters", "an integer >= 1", characters)
    response = text(given(inputs, "response"), "response")
    start = response.rfind(f"<{tag}>")
    end = response.find(f"</{tag}>", start)
    if start < 0 or end < 0:
        return {"action": response[-characters:] if fallback == "last_characters" else None, "valid": False}
    action = response[start + len(tag) + 2 : end].strip()
    valid = True
    if admissibility == "checked" and "admissible" in inputs:
        every = [text(one, f"admissible[{place}]") for place, one in enumerate(listed(inputs, "admissible"))]
        valid = action in every
    return {"action": action, "valid": valid}


PROJECTION_METHODS = table(action_projection)
