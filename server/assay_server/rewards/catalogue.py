"""Which rewards exist, and how a name finds one."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import TypeAlias

from rapidfuzz import fuzz, process

from assay.sdk import PluginDefinition, PluginKind, RewardDefinition
from assay_server.rewards.errors import DefinitionConflict, UnknownJudge, UnknownReward

_IMPORT = re.compile(r"^(?:from|import) (assay_server\.rewards\.[\w.]+)", re.MULTILINE)
_NEAREST = 3
_LONGEST_NAME = 200
_PIN_DIGITS = 12
_SCOPED = (PluginKind.GROUP_REWARD, PluginKind.BATCH_REWARD)

Nameable: TypeAlias = "RewardDefinition | PluginDefinition"
"""A reward of one rollout, or of group or batch scope."""


class Catalogue:
    """An immutable set of reward definitions, found by id, by id without version (the newest) or by alias.

    Attributes:
        judges: names of the judging models that rewards may ask, and whether the operator says what each costs; None =
            not known here, so that specs are not checked for them.
    """

    def __init__(
        self,
        definitions: Iterable[Nameable] = (),
        names: Mapping[str, str] | None = None,
        judges: Mapping[str, bool] | None = None,
    ) -> None:
        """Take definitions, further names of theirs (name -> id), and judges.

        Raises:
            DefinitionConflict: two different definitions claim one id, or two families one alias.
        """
        self.judges = judges
        self._by_id: dict[str, Nameable] = {}
        self._names: dict[str, str] = {}
        for definition in definitions:
            if isinstance(definition, PluginDefinition) and definition.kind not in _SCOPED:
                raise TypeError(f"{definition.id} is a {definition.kind.value}, no reward")
            held = self._by_id.setdefault(definition.id, definition)
            if held.digest != definition.digest:
                raise DefinitionConflict(definition.id, f"reward {definition.id} exists with another digest")
        for definition in sorted(self._by_id.values(), key=_family_and_version):
            family = _family_and_version(definition)[0]
            for name in (family, *_aliases(definition)):
                self._claim(name, definition, family)
        for name, target in (names or {}).items():
            self._claim(name, self._by_id[target], _family_and_version(self._by_id[target])[0])

    def _claim(self, name: str, definition: Nameable, family: str) -> None:
        held = self._names.get(name)
        if name in self._by_id or (held is not None and held.rpartition("-v")[0] != family):
            raise DefinitionConflict(name, f"the name {name!r} of {definition.id} already means {held or name}")
        self._names[name] = definition.id

    def resolve(self, name: str) -> RewardDefinition:
        """The reward of one rollout called ``name``, as :meth:`find` says.

        Raises:
            UnknownReward: there is none; the error carries the nearest names.
        """
        found = self.find(name)
        if isinstance(found, RewardDefinition):
            return found
        raise UnknownReward(name, (), f"{found.id} is a {found.kind.value}: it judges no rollout by itself")

    def find(self, name: str) -> Nameable:
        """The definition called ``name``: a full id, an id without version, or an alias; each may end in ``@digest``.

        Raises:
            UnknownReward: there is none, or with another digest; the error carries the nearest names.
        """
        found = self._found(name)
        if found is not None:
            return found
        plain, at, digest = name.rpartition("@")
        found = self._found(plain) if at else None
        if found is None:
            raise UnknownReward(name, self._nearest(plain if at else name))
        if not (len(digest) >= _PIN_DIGITS and found.digest.startswith(digest)):
            raise UnknownReward(name, (), f"{found.id} has another digest here: {found.digest}")
        return found

    def _found(self, name: str) -> Nameable | None:
        return self._by_id.get(name) or self._by_id.get(self._names.get(name, ""))

    def _nearest(self, name: str) -> tuple[str, ...]:
        return nearest(name, self._names)

    def missing_judge(self, name: str) -> UnknownJudge | None:
        """Why no judge can be called so; None where it can, or where it is not known which there are."""
        if self.judges is None or name in self.judges:
            return None
        return UnknownJudge(name, nearest(name, self.judges))

    def definitions(self) -> tuple[RewardDefinition, ...]:
        """All rewards of one rollout, by family and version."""
        return tuple(one for one in self._ordered() if isinstance(one, RewardDefinition))

    def scoped(self) -> tuple[PluginDefinition, ...]:
        """All group and batch rewards, by family and version."""
        return tuple(one for one in self._ordered() if isinstance(one, PluginDefinition))

    def _ordered(self) -> list[Nameable]:
        return sorted(self._by_id.values(), key=_family_and_version)

    def with_definition(self, definition: Nameable, *names: str) -> Catalogue:
        """A catalogue that also holds ``definition``, reachable by further ``names`` too.

        Raises:
            DefinitionConflict: the id exists with another digest, or a name means another reward.
        """
        kept = {name: target for name, target in self._names.items() if name not in self._derived_names()}
        further = {**kept, **dict.fromkeys(names, definition.id)}
        return Catalogue((*self._by_id.values(), definition), further, self.judges)

    def with_judges(self, judges: Mapping[str, bool]) -> Catalogue:
        """The same rewards, and these judges (name -> whether it has a price)."""
        kept = {name: target for name, target in self._names.items() if name not in self._derived_names()}
        return Catalogue(self._by_id.values(), kept, dict(judges))

    def _derived_names(self) -> set[str]:
        derived = {alias for definition in self._by_id.values() for alias in _aliases(definition)}
        return derived | {_family_and_version(definition)[0] for definition in self._by_id.values()}


def nearest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known names that are most like one that is not known."""
    hits = process.extract(name[:_LONGEST_NAME], sorted(known), scorer=fuzz.WRatio, limit=_NEAREST, score_cutoff=60)
    return tuple(hit[0] for hit in hits)


def _aliases(definition: Nameable) -> tuple[str, ...]:
    return definition.aliases if isinstance(definition, RewardDefinition) else ()


def _family_and_version(definition: Nameable) -> tuple[str, int]:
    family, _, version = definition.id.rpartition("-v")
    return family, int(version)


@cache
def builtin_catalogue() -> Catalogue:
    """Every reward that is a module attribute somewhere in ``assay_server.rewards``.

    A built-in's digest also covers the source of its module and of the modules of this package that it imports:
    a change of the extraction changes the digest of every reward that extracts.
    """
    return Catalogue(_discover("assay_server.rewards"))


def _discover(package_name: str) -> Iterator[RewardDefinition]:
    package = importlib.import_module(package_name)
    for info in pkgutil.walk_packages(package.__path__, f"{package_name}."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if isinstance(value, RewardDefinition) and value.function.__module__ == module.__name__:
                yield dataclasses.replace(value, digest=_digest_with_sources(value, module))


def _digest_with_sources(definition: RewardDefinition, module: ModuleType) -> str:
    sources = {name: _source(name) for name in _imported_modules(module.__name__)}
    text = "\n".join([definition.digest, *(f"{name}\n{source}" for name, source in sorted(sources.items()))])
    return hashlib.sha256(text.encode()).hexdigest()


def _imported_modules(name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting.extend(_IMPORT.findall(_source(current)))
    return found


@cache
def _source(module_name: str) -> str:
    return inspect.getsource(importlib.import_module(module_name))
