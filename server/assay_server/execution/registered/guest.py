"""In the sandbox: loads a registered plugin, says what it declares, and calls it with what comes over the channel.

The plugin shares this process and may say anything in its name; what is said is judged where it arrives.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from collections.abc import Awaitable, Mapping
from typing import Protocol, cast

from assay.sdk import PluginDefinition, PluginKind, RewardDefinition, Score, Unscorable
from assay_server.execution.cpu.channel import HEADER, MEMORY_LIMIT, Computed, Outcome, Report, encode_report
from assay_server.execution.plugin_answers import NotAnAnswer, called
from assay_server.execution.plugin_files import BrokenPlugin, load_plugin_file
from assay_server.execution.registered.declarations import NotDeclared, encode_declaration
from assay_server.execution.registered.letters import ANSWERED, ASKED, BROKEN, DECLARED
from assay_server.execution.registered.plain import Asked, decode_asked

_LONGEST_MESSAGE = 2000
_LONGEST_ERROR = 300


class Channel(Protocol):
    """Frames both ways; an exception where nobody is at the other end any more."""

    def send(self, letter: bytes, payload: bytes) -> None: ...

    def receive(self) -> tuple[bytes, bytes]: ...


def serve(told: Mapping[str, str], channel: Channel) -> None:
    """Load ``told["plugin"]`` (``PATH`` or ``PATH:NAME``) and answer until the channel closes."""
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for as long as this process is
    try:
        definition = _only(told["plugin"])
        declared = encode_declaration(definition)
    except (BrokenPlugin, NotDeclared) as error:
        channel.send(BROKEN, _unplaced(str(error), told["plugin"])[:_LONGEST_MESSAGE].encode("utf-8", "replace"))
        return
    channel.send(DECLARED, declared)
    while True:
        letter, payload = channel.receive()
        if letter == ASKED:
            channel.send(ANSWERED, _answer(definition, decode_asked(payload)))


def _unplaced(words: str, plugin: str) -> str:
    """The words without how the source lies here, which is nothing to its author."""
    path = plugin.partition(":")[0]
    return words.replace(os.path.abspath(path), "the source").replace(path, "the source")


def _only(plugin: str) -> RewardDefinition | PluginDefinition:
    """The one definition that is named. Raises BrokenPlugin."""
    found = [definition for definition, _ in load_plugin_file(plugin)]
    if len(found) != 1:
        listed = ", ".join(definition.id for definition in found)
        raise BrokenPlugin(f"the source declares {listed}; say by object_name which of them is meant")
    return found[0]


def _answer(definition: RewardDefinition | PluginDefinition, asked: Asked) -> bytes:
    outcome = _outcome(definition, asked)
    full = isinstance(outcome, Unscorable) and outcome.reason == MEMORY_LIMIT
    report = Report(asked.number, outcome, retiring=full or _has_children())
    return encode_report(report)[HEADER.size :]


def _outcome(definition: RewardDefinition | PluginDefinition, asked: Asked) -> Outcome:
    try:
        if isinstance(definition, RewardDefinition):
            return _scored(definition, asked)
        return _computed(definition, asked)
    except MemoryError:
        return Unscorable(MEMORY_LIMIT, "it needed more memory than it may have")
    except Unscorable as error:
        return error
    except BaseException as error:  # noqa: BLE001 - SystemExit and its like end the item
        return Unscorable("REWARD_FAILED", f"{definition.id} raised {_shown(error)}")


def _scored(definition: RewardDefinition, asked: Asked) -> Score:
    bound = _bound(definition, asked.params)
    said: object = None if definition.quick is None else definition.quick(asked.sample, **bound)
    if said is None:
        said = definition.function(asked.sample, **bound)
    if inspect.isawaitable(said):
        said = asyncio.run(_awaited(cast("Awaitable[object]", said)))
    if not isinstance(said, Score):
        kind = type(said).__name__[:80]
        raise Unscorable("REWARD_FAILED", f"{definition.id} returned a {kind}; expected an assay.sdk.Score")
    return said


def _computed(definition: PluginDefinition, asked: Asked) -> Computed:
    bound = _bound(definition, asked.params)
    function = definition.function
    if definition.quick is not None and definition.quick(*_given(definition, asked), **bound) is not None:
        function = definition.quick
    try:
        return called(function, definition.kind, asked.groups, bound)
    except NotAnAnswer as error:
        raise Unscorable("REWARD_FAILED", f"the {definition.kind.value} {definition.id}: {error}") from error


def _given(definition: PluginDefinition, asked: Asked) -> tuple[object, ...]:
    return (asked.groups,) if definition.kind is PluginKind.BATCH_REWARD else asked.groups


async def _awaited(said: Awaitable[object]) -> object:
    return await said


def _bound(definition: RewardDefinition | PluginDefinition, params: Mapping[str, object]) -> dict[str, object]:
    """The keyword arguments; defaults as the function has them, where JSON has made lists of tuples."""
    defaults = {one.name: one.default for one in definition.parameters if not one.required}
    return {
        name: defaults[name] if name in defaults and json.loads(json.dumps(defaults[name])) == value else value
        for name, value in params.items()
    }


def _shown(error: BaseException) -> str:
    """The exception in a line; its text is the plugin's."""
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - as above
        text = ""
    return f"{type(error).__name__[:80]}: {text[:_LONGEST_ERROR]}".encode("utf-8", "replace").decode()


def _has_children() -> bool:
    """Whether the item left a process behind."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True
