"""What a worker does with an item: find the reward, run it, turn whatever happens into an outcome."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Sequence

from assay.sdk import Unscorable
from assay_server.execution.cpu.channel import MEMORY_LIMIT, Outcome, Task
from assay_server.execution.discovery import catalogue_of
from assay_server.execution.worker_ports import WorkerPorts
from assay_server.rewards.catalogue import builtin_catalogue
from assay_server.rewards.nodes import LeafNode
from assay_server.rewards.tree import bind_leaf


class TaskRunner:
    """Runs rewards by id; imports everything when it is made, before workers are forked."""

    def __init__(self, plugins: Sequence[str]) -> None:
        self._catalogue = catalogue_of(builtin_catalogue(), plugins)
        self._ports = WorkerPorts()
        self._leaves: dict[tuple[str, str, str], LeafNode] = {}

    def run(self, task: Task) -> Outcome:
        """The outcome; raises nothing."""
        try:
            leaf = self._leaf(task)
            try:
                said = self._said(leaf, task)
            except MemoryError:
                return Unscorable(MEMORY_LIMIT, f"{task.component}: the reward needed more memory than it may have")
            except Exception as error:  # noqa: BLE001 - whatever a reward raises is its item's status
                return leaf.failure(error)
            return leaf.checked(said)
        except Unscorable as error:
            return error
        except BaseException as error:  # noqa: BLE001 - SystemExit and its like end the item, not the worker
            return Unscorable("REWARD_FAILED", f"{task.component}: the reward raised {type(error).__name__[:80]}")

    def _said(self, leaf: LeafNode, task: Task) -> object:
        arguments = (task.sample, self._ports) if leaf.definition.wants_ports else (task.sample,)
        said = leaf.function(*arguments, **leaf.bound)
        return asyncio.run(_awaited(said)) if inspect.isawaitable(said) else said

    def _leaf(self, task: Task) -> LeafNode:
        key = (task.reward, task.component, json.dumps(task.params, sort_keys=True, default=repr))
        leaf = self._leaves.get(key)
        if leaf is None:
            leaf = self._leaves[key] = bind_leaf(self._catalogue.resolve(task.reward), task.params, task.component)
        return leaf


async def _awaited(said: Awaitable[object]) -> object:
    return await said
