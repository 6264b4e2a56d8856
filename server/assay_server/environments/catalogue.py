"""Which environments exist, and how a name finds one."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable, Iterator
from functools import cache
from types import ModuleType

from rapidfuzz import fuzz, process

from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.protocol import EnvironmentFault

_PACKAGE = "assay_server.environments"
_IMPORT = re.compile(r"^(?:from|import) (assay_server\.[\w.]+)", re.MULTILINE)
_NEAREST = 3
_LONGEST_NAME = 200


class UnknownEnvironment(EnvironmentFault):
    """No environment has this name; ``nearest`` holds existing ones, the most similar first."""

    def __init__(self, name: str, nearest: tuple[str, ...]) -> None:
        hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
        super().__init__(f"no environment is called {name[:100]!r}{hint}")
        self.name = name
        self.nearest = nearest


class EnvironmentCatalogue:
    """An immutable set of definitions, found by id, by id without version (the newest) or by alias."""

    def __init__(self, definitions: Iterable[EnvironmentDefinition] = ()) -> None:
        """Take definitions.

        Raises:
            ValueError: two different definitions claim one id or name.
        """
        self._by_id: dict[str, EnvironmentDefinition] = {}
        self._names: dict[str, str] = {}
        for definition in sorted(definitions, key=_family_and_version):
            if self._by_id.setdefault(definition.id, definition) is not definition:
                raise ValueError(f"two environments are called {definition.id}")
            family = _family_and_version(definition)[0]
            for name in (family, *definition.aliases):
                held = self._names.get(name)
                if held is not None and _family_and_version(self._by_id[held])[0] != family:
                    raise ValueError(f"the name {name!r} of {definition.id} already means {held}")
                self._names[name] = definition.id

    def resolve(self, name: str) -> EnvironmentDefinition:
        """The definition called ``name``.

        Raises:
            UnknownEnvironment: there is none; the error carries the nearest names.
        """
        found = self._by_id.get(name) or self._by_id.get(self._names.get(name, ""))
        if found is None:
            known = sorted(self._names)
            hits = process.extract(name[:_LONGEST_NAME], known, scorer=fuzz.WRatio, limit=_NEAREST, score_cutoff=60)
            raise UnknownEnvironment(name, tuple(hit[0] for hit in hits))
        return found

    def definitions(self) -> tuple[EnvironmentDefinition, ...]:
        """All definitions, by family and version."""
        return tuple(self._by_id.values())

    def with_definitions(self, *definitions: EnvironmentDefinition) -> EnvironmentCatalogue:
        """A catalogue that also holds these; one with an id that is held already takes its place."""
        replaced = {definition.id for definition in definitions}
        return EnvironmentCatalogue((*(one for one in self._by_id.values() if one.id not in replaced), *definitions))


def _family_and_version(definition: EnvironmentDefinition) -> tuple[str, int]:
    family, _, version = definition.id.rpartition("-v")
    return family, int(version)


@cache
def builtin_environments() -> EnvironmentCatalogue:
    """Every definition that is an attribute of a module directly below ``assay_server.environments``.

    A digest covers the source of the module (all of it, where it is a package) and of what it imports of this server.
    """
    return EnvironmentCatalogue(_discover())


def _discover() -> Iterator[EnvironmentDefinition]:
    package = importlib.import_module(_PACKAGE)
    for info in pkgutil.iter_modules(package.__path__, f"{_PACKAGE}."):
        module = importlib.import_module(info.name)
        for value in list(vars(module).values()):  # a digest imports modules below, which become attributes
            if isinstance(value, EnvironmentDefinition):
                yield dataclasses.replace(value, digest=_digest_of(module))


def _digest_of(module: ModuleType) -> str:
    sources: dict[str, str] = {}
    waiting = [module.__name__]
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        found = importlib.import_module(name)
        sources[name] = inspect.getsource(found) if found.__file__ else ""
        waiting += [imported for imported in _IMPORT.findall(sources[name]) if imported != _PACKAGE]
        if name == module.__name__ and hasattr(found, "__path__"):
            waiting += [info.name for info in pkgutil.walk_packages(found.__path__, f"{name}.")]
    text = "\n".join(f"{name}\n{source}" for name, source in sorted(sources.items()))
    return hashlib.sha256(text.encode()).hexdigest()
