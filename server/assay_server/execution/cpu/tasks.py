"""What a worker does with an item: find what is to run, run it, turn whatever happens into an outcome."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Sequence

from assay.sdk import PluginDefinition, Unscorable
from assay_server.execution.catalogues import with_rewards
from assay_server.execution.cpu.channel import MEMORY_LIMIT, Computed, GroupTask, Outcome, Task
from assay_server.execution.discovery import load_plugin
from assay_server.execution.plugin_answers import called, failure_of
from assay_server.execution.worker_ports import WorkerPorts
from assay_server.rewards.catalogue import builtin_catalogue
from assay_server.rewards.nodes import LeafNode
from assay_server.rewards.tree import bind_leaf


class TaskRunner:
    """Runs rewards and other plugins by id; imports everything when it is made, before workers are forked."""

    def __init__(self, plugins: Sequence[str]) -> None:
        self._catalogue = builtin_catalogue()
        self._plugged: dict[str, PluginDefinition] = {}
        for name in plugins:
            loaded = load_plugin(name)
            self._catalogue = with_rewards(self._catalogue, name, loaded)
            self._plugged |= {one.id: one for one, _ in loaded if isinstance(one, PluginDefinition)}
        self._ports = WorkerPorts()
        self._leaves: dict[tuple[str, str, str], LeafNode] = {}

    def run(self, task: Task | GroupTask) -> Outcome:
        """The outcome; raises nothing."""
        try:
            return self._computed(task) if isinstance(task, GroupTask) else self._scored(task)
        except Unscorable as error:
            return error
        except MemoryError:
            return Unscorable(MEMORY_LIMIT, f"{task.component}: it needed more memory than it may have")
        except BaseException as error:  # noqa: BLE001 - SystemExit and its like end the item, not the worker
            return Unscorable("REWARD_FAILED", f"{task.component}: it raised {type(error).__name__[:80]}")

    def _scored(self, task: Task) -> Outcome:
        leaf = self._leaf(task)
        try:
            said = self._said(leaf, task)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a reward raises is its item's status
            return leaf.failure(error)
        return leaf.checked(said)

    def _said(self, leaf: LeafNode, task: Task) -> object:
        arguments = (task.sample, self._ports) if leaf.definition.wants_ports else (task.sample,)
        said = leaf.function(*arguments, **leaf.bound)
        return asyncio.run(_awaited(said)) if inspect.isawaitable(said) else said

    def _computed(self, task: GroupTask) -> Computed | Unscorable:
        definition = self._plugged.get(task.reward)
        if definition is None:
            return Unscorable("REWARD_FAILED", f"{task.component}: no worker has {task.reward}")
        try:
            return called(definition.function, definition.kind, task.groups, task.params)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it raises is the status of its groups
            return failure_of(definition, task.component, error)

    def _leaf(self, task: Task) -> LeafNode:
        key = (task.reward, task.component, json.dumps(task.params, sort_keys=True, default=repr))
        leaf = self._leaves.get(key)
        if leaf is None:
            leaf = self._leaves[key] = bind_leaf(self._catalogue.resolve(task.reward), task.params, task.component)
        return leaf


async def _awaited(said: Awaitable[object]) -> object:
    return await said
