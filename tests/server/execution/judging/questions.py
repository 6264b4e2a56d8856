"""Questions that tests ask."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from assay.sdk import Json, JudgeRequest, Unscorable
from assay_server.execution.judging import CatalogueJudge

SCHEMA: Mapping[str, Json] = {
    "type": "object",
    "properties": {"correct": {"type": "boolean"}},
    "required": ["correct"],
    "additionalProperties": False,
}


def question(response: str = "18", endpoint: str = "strict", **fields: object) -> JudgeRequest:
    """Is the response correct?"""
    values: dict[str, object] = {"instructions": "Is the response 18?", "schema": SCHEMA, **fields}
    return JudgeRequest(endpoint=endpoint, graded={"response": response}, **values)  # pyright: ignore[reportArgumentType] - checked where they are used


async def refused(judge: CatalogueJudge, request: JudgeRequest) -> Unscorable:
    """Why a question is not answered."""
    with pytest.raises(Unscorable) as caught:
        await judge.ask(request)
    return caught.value
