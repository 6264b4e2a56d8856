"""Jobs of several kinds at one worker."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from assay.sdk import Json
from assay_server.execution.queue.kinds import job_handler


async def add(tenant: str, job: Mapping[str, Json]) -> Mapping[str, object]:
    return {"sum": job["add"], "tenant": tenant}


async def say(tenant: str, job: Mapping[str, Json]) -> Mapping[str, object]:
    return {"said": job["say"], "tenant": tenant}


async def test_a_job_is_done_by_those_who_know_its_kind() -> None:
    handler = job_handler({"add": add, "say": say})
    assert json.loads(await handler("a", b'{"add": 3, "more": true}')) == {"sum": 3, "tenant": "a"}
    assert json.loads(await handler("b", b'{"more": true, "say": "x"}')) == {"said": "x", "tenant": "b"}


async def test_a_job_of_no_kind_that_is_known_cannot_be_done_here() -> None:
    with pytest.raises(LookupError, match="a job with sing is of no kind that is done here: add"):
        await job_handler({"add": add})("a", b'{"sing": 1}')
