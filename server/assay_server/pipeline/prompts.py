"""The prompts of a run: those of the tasks that were sent for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from assay.v1 import rollout_pb2
from assay_server.pipeline.failures import invalid_field
from assay_server.store.protocol import Store

_PAGE = 10_000
_MOST_PROMPTS = 1_000_000


async def put_prompts(store: Store, tenant: str, run_id: str, tasks: Sequence[rollout_pb2.Task]) -> None:
    """Note which prompts the tasks of a run are for, each named by its prompt id, else by its task id.

    Tasks that name neither are no candidates. What was said of a prompt first stays.
    """
    named = {task.prompt_id or task.task_id: task for task in tasks if task.prompt_id or task.task_id}
    if run_id and named:
        told = {name: json.dumps([task.digest, task.difficulty]).encode() for name, task in named.items()}
        await store.put_objects(tenant, _kind(run_id), told)


async def difficulties_of(store: Store, tenant: str, run_id: str, wanted: Sequence[str]) -> Mapping[str, float]:
    """The candidates with their difficulty (0 = unknown): those named, else all prompts of the run's tasks, sorted.

    Raises:
        Failure: a prompt is named twice, or without a name, or there are too many.
    """
    if len(wanted) > _MOST_PROMPTS:
        raise invalid_field("prompt_ids", f"{len(wanted)} in a request; at most {_MOST_PROMPTS}")
    names = list(wanted) or list(await store.list_objects(tenant, _kind(run_id)))
    found: dict[str, float] = {}
    for start in range(0, len(names), _PAGE):
        page = names[start : start + _PAGE]
        for place, (name, told) in enumerate(zip(page, await _told(store, tenant, run_id, page), strict=True)):
            if not name or name in found:
                raise invalid_field(f"prompt_ids[{start + place}]", "expected different prompt ids")
            found[name] = told
    return found


async def _told(store: Store, tenant: str, run_id: str, names: Sequence[str]) -> list[float]:
    objects = await store.get_objects(tenant, _kind(run_id), names)
    return [0.0 if one is None else cast("tuple[str, float]", json.loads(one))[1] for one in objects]


def _kind(run_id: str) -> str:
    return f"prompts:{run_id}"
