"""Which plugins there are: those that are installed, and those that the operator named.

A plugin that was named and breaks is a mistake of the operator's, and nothing starts. One that is merely installed may
come from anywhere: it is left out and listed with what is wrong with it.
"""

from __future__ import annotations

import importlib.metadata
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from types import ModuleType

from assay.sdk import PluginDefinition, RewardDefinition
from assay_server.execution.plugin_files import BrokenPlugin, Definition, definitions_in, load_plugin_file
from assay_server.rewards.catalogue import Catalogue
from assay_server.rewards.errors import DefinitionConflict

ENTRY_POINTS = "assay.plugins"
INSTALLED = "installed:"
"""Before the name of an entry point, where a plugin is named to the workers."""


class Origin(Enum):
    """Where a plugin comes from."""

    BUILT_IN = "built-in"
    ENTRY_POINT = "entry point"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """A plugin as it is listed.

    Attributes:
        id: of a broken one, the name that it was looked for by.
        kind: ``reward``, ``estimator``, ...; empty where it is broken.
        origin: where it comes from.
        place: the file, or the installed distribution.
        broken: why it cannot be used; empty where it can.
        definition: of a broken one, the source at fault.
    """

    id: str
    kind: str
    origin: Origin
    place: str
    digest: str = ""
    summary: str = ""
    broken: str = ""
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Discovered:
    """Everything there is.

    Attributes:
        catalogue: all rewards that can be named.
        names: plugins as workers are told them.
    """

    catalogue: Catalogue
    records: tuple[PluginRecord, ...]
    names: tuple[str, ...]


def discover(catalogue: Catalogue, named: Sequence[str], *, installed: bool = True) -> Discovered:
    """The catalogue with the plugins that are installed, then with those that were named.

    Args:
        catalogue: the built-ins.
        named: ``PATH``, ``PATH:NAME``, or the name of an installed plugin, which then must work.
        installed: whether to look at installed distributions.

    Raises:
        BrokenPlugin: one that was named cannot be used.
    """
    records = [_record(definition, Origin.BUILT_IN, "assay") for definition in catalogue.definitions()]
    names: list[str] = []
    required = {name for name in named if not is_path(name)}
    found = list(importlib.metadata.entry_points(group=ENTRY_POINTS)) if installed or required else []
    missing = sorted(required - {entry.name for entry in found})
    if missing:
        listed = ", ".join(sorted(entry.name for entry in found)) or "none"
        raise BrokenPlugin(f"no installed plugin is called {missing[0]!r} (installed: {listed}); a file ends with .py")
    for entry in sorted(found, key=lambda entry: entry.name):
        place = _distribution(entry)
        try:
            loaded = load_installed(entry)
            catalogue = extended(catalogue, entry.name, loaded)
        except BrokenPlugin as error:
            if entry.name in required:
                raise
            message, _, definition = str(error).partition("\n")
            record = PluginRecord(entry.name, "", Origin.ENTRY_POINT, place, broken=message, definition=definition)
            records.append(record)
        else:
            records += [_record(definition, Origin.ENTRY_POINT, place) for definition, _ in loaded]
            names.append(INSTALLED + entry.name)
    for path in filter(is_path, dict.fromkeys(named)):
        loaded = load_plugin_file(path)
        catalogue = extended(catalogue, path, loaded)
        records += [_record(definition, Origin.PATH, path) for definition, _ in loaded]
        names.append(path)
    return Discovered(catalogue, tuple(records), tuple(names))


def catalogue_of(catalogue: Catalogue, names: Sequence[str]) -> Catalogue:
    """The same catalogue again in another process, from :attr:`Discovered.names`.

    Raises:
        BrokenPlugin: what could be loaded there cannot be loaded here.
    """
    for name in names:
        catalogue = extended(catalogue, name, load_plugin(name))
    return catalogue


def load_plugin(name: str) -> list[tuple[Definition, tuple[str, ...]]]:
    """The definitions of a plugin by its name in :attr:`Discovered.names`."""
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


def extended(catalogue: Catalogue, plugin: str, loaded: Iterable[tuple[Definition, tuple[str, ...]]]) -> Catalogue:
    """The catalogue with the rewards among these definitions.

    Raises:
        BrokenPlugin: one claims a name that is taken.
    """
    try:
        for definition, names in _rewards(loaded):
            catalogue = catalogue.with_definition(definition, *names)
    except DefinitionConflict as error:
        raise BrokenPlugin(f"{plugin}: {error}") from error
    return catalogue


def is_path(name: str) -> bool:
    """Whether a plugin is named by its file rather than by what it is installed as."""
    return name.endswith(".py") or ".py:" in name


def kind_of(definition: Definition) -> str:
    """``reward``, ``group reward``, ``estimator``, ..."""
    return definition.kind.value if isinstance(definition, PluginDefinition) else "reward"


def _rewards(
    loaded: Iterable[tuple[Definition, tuple[str, ...]]],
) -> Iterator[tuple[RewardDefinition, tuple[str, ...]]]:
    for definition, names in loaded:
        if isinstance(definition, RewardDefinition):
            yield definition, names


def _record(definition: Definition, origin: Origin, place: str) -> PluginRecord:
    summary = definition.doc.partition("\n")[0]
    return PluginRecord(definition.id, kind_of(definition), origin, place, definition.digest, summary)


def _distribution(entry: importlib.metadata.EntryPoint) -> str:
    return "" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
