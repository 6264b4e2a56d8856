"""Jobs that are JSON objects, of kinds: each is known by a member that the jobs of no other kind have."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias, cast

from assay.sdk import Json

from .protocol import JobHandler

Kinds: TypeAlias = dict[str, Callable[[str, Mapping[str, Json]], Awaitable[Mapping[str, object]]]]
"""By that member, what does a tenant's job: from its object to that of its answer."""


def job_handler(kinds: Kinds) -> JobHandler:
    """Does jobs of these kinds."""

    async def do(tenant: str, payload: bytes) -> bytes:
        job = cast("dict[str, Json]", json.loads(payload))
        for member, answer in kinds.items():
            if member in job:
                return json.dumps(await answer(tenant, job)).encode()
        raise LookupError(f"a job with {', '.join(job)} is of no kind that is done here: {', '.join(kinds)}")

    return do
