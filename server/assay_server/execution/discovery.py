"""Which plugins there are: those that are installed, and those that the operator named.

A plugin that was named and breaks is a mistake of the operator's, and nothing starts. One that is merely installed may
come from anywhere: it is left out and listed with what is wrong with it.
"""

from __future__ import annotations

import importlib.metadata
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType

from assay.sdk import PluginDefinition, RewardDefinition
from assay_server.execution.catalogues import Catalogues, Loaded
from assay_server.execution.plugin_files import BrokenPlugin, Definition, definitions_in, load_plugin_file
from assay_server.execution.plugin_records import Origin, PluginRecord, built_in_records, record_of
from assay_server.rewards.catalogue import Catalogue

ENTRY_POINTS = "assay.plugins"
INSTALLED = "installed:"
"""Before the name of an entry point, where a plugin is named to the workers."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """Everything there is.

    Attributes:
        catalogues: all that can be named.
        records: the same as it is listed, with what is broken.
        names: plugins as workers are told them.
    """

    catalogues: Catalogues
    records: tuple[PluginRecord, ...]
    names: tuple[str, ...]


def discover(rewards: Catalogue | None, named: Sequence[str], *, installed: bool = True) -> Discovered:
    """What is built in, what is installed, and what was named.

    Args:
        rewards: the built-in ones; None = those of this package.
        named: ``PATH``, ``PATH:NAME``, or the name of an installed plugin, which then must work.
        installed: whether to look at installed distributions.

    Raises:
        BrokenPlugin: one that was named cannot be used.
    """
    found = _Found(Catalogues.built_in(rewards))
    required = {name for name in named if not is_path(name)}
    for entry in _entries(required) if installed or required else ():
        place = "" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
        try:
            found.add(INSTALLED + entry.name, entry.name, load_installed(entry), Origin.ENTRY_POINT, place)
        except BrokenPlugin as error:
            if entry.name in required:
                raise
            message, _, definition = str(error).partition("\n")
            record = PluginRecord(entry.name, "", Origin.ENTRY_POINT, place, broken=message, definition=definition)
            found.records.append(record)
    for path in filter(is_path, dict.fromkeys(named)):
        found.add(path, path, load_plugin_file(path), Origin.PATH, path)
    return Discovered(found.catalogues, tuple(found.records), tuple(found.names))


class _Found:
    """What has been found so far."""

    def __init__(self, catalogues: Catalogues) -> None:
        self.catalogues = catalogues
        self.records = built_in_records(catalogues)
        self.names: list[str] = []

    def add(self, name: str, shown: str, loaded: Loaded, origin: Origin, place: str) -> None:
        """Take a plugin's definitions. Raises BrokenPlugin."""
        self.catalogues = self.catalogues.extended(shown, loaded)
        self.records += [record_of(definition, origin, place) for definition, _ in loaded]
        self.names.append(name)


def _entries(required: set[str]) -> Iterator[importlib.metadata.EntryPoint]:
    found = sorted(importlib.metadata.entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name)
    missing = sorted(required - {entry.name for entry in found})
    if missing:
        listed = ", ".join(entry.name for entry in found) or "none"
        raise BrokenPlugin(f"no installed plugin is called {missing[0]!r} (installed: {listed}); a file ends with .py")
    yield from found


def load_plugin(name: str) -> list[tuple[Definition, tuple[str, ...]]]:
    """The definitions of a plugin by its name in :attr:`Discovered.names`.

    Raises:
        BrokenPlugin: it cannot be loaded.
    """
    if not name.startswith(INSTALLED):
        return load_plugin_file(name)
    (entry,) = importlib.metadata.entry_points(group=ENTRY_POINTS, name=name.removeprefix(INSTALLED))
    return load_installed(entry)


def load_installed(entry: importlib.metadata.EntryPoint) -> list[tuple[Definition, tuple[str, ...]]]:
    """The definitions behind an entry point: one definition, or a module with some.

    Raises:
        BrokenPlugin: it cannot be imported, or is something else.
    """
    try:
        loaded: object = entry.load()
    except Exception as error:
        where = "".join(traceback.format_exception_only(error)).strip()
        raise BrokenPlugin(f"{entry.name} = {entry.value}: {where}") from error
    if isinstance(loaded, RewardDefinition | PluginDefinition):
        return [(loaded, ())]
    found = definitions_in(loaded) if isinstance(loaded, ModuleType) else []
    if not found:
        raise BrokenPlugin(f"{entry.name} = {entry.value}: expected a definition, or a module that has some")
    return [(definition, ()) for definition in found]


def is_path(name: str) -> bool:
    """Whether a plugin is named by its file rather than by what it is installed as."""
    return name.endswith(".py") or ".py:" in name
