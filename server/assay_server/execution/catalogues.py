"""Everything that can be named: built once when the server starts, from built-ins and plugins, and handed around."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from assay.sdk import PluginDefinition, PluginKind, RewardDefinition
from assay_server.environments.catalogue import EnvironmentCatalogue, UnknownEnvironment, builtin_environments
from assay_server.estimators import ESTIMATORS, Estimators
from assay_server.execution.plugged_environments import environment_of
from assay_server.execution.plugin_files import BrokenPlugin, Definition
from assay_server.rewards.catalogue import Catalogue, builtin_catalogue
from assay_server.rewards.errors import DefinitionConflict
from assay_server.sampling.filters import FILTERS
from assay_server.sampling.selectors import Selectors

Loaded = Sequence[tuple[Definition, tuple[str, ...]]]
"""The definitions of a plugin, each with the further names that it goes by."""


@dataclass(frozen=True, slots=True)
class Catalogues:
    """What rewards, estimators, selectors and environments there are.

    Attributes:
        rewards: of samples, groups and batches; one namespace, because a spec names them in one place.
        plugged: what plugins declare other than sample rewards, by id.
    """

    rewards: Catalogue
    estimators: Estimators
    selectors: Selectors
    environments: EnvironmentCatalogue
    plugged: Mapping[str, PluginDefinition]

    @classmethod
    def built_in(cls, rewards: Catalogue | None = None) -> Catalogues:
        """What comes with the server; with other rewards than its own where these are given."""
        return cls(rewards or builtin_catalogue(), Estimators(), Selectors(), builtin_environments(), {})

    def extended(self, plugin: str, loaded: Loaded) -> Catalogues:
        """These and the definitions of a plugin.

        Raises:
            BrokenPlugin: one claims an id or a name that means something else.
        """
        held = self._digests()
        for definition, _ in loaded:
            kind = kind_of(definition)
            known = held.setdefault(definition.id, (kind, definition.digest))
            if known != (kind, definition.digest):
                what = f"with another digest ({known[1][:12] or 'built-in'})" if known[0] == kind else f"as {known[0]}"
                raise BrokenPlugin(
                    f"{plugin}: {kind} {definition.id} exists {what}; behaviour changes with the version"
                )
        ours = {one.id: one for one, _ in loaded if isinstance(one, PluginDefinition)}
        plugged = {**self.plugged, **ours}
        new = [one for one in _of(ours.values(), PluginKind.ENVIRONMENT) if one.id not in self.plugged]
        return Catalogues(
            with_rewards(self.rewards, plugin, loaded),
            Estimators(_of(plugged.values(), PluginKind.ESTIMATOR)),
            Selectors(_of(plugged.values(), PluginKind.SELECTOR)),
            self._with_environments(new),
            plugged,
        )

    def _with_environments(self, plugged: Iterable[PluginDefinition]) -> EnvironmentCatalogue:
        """Built-ins keep their short names, and so does who came first."""
        catalogue = self.environments
        for definition in map(environment_of, plugged):
            free = tuple(name for name in definition.aliases if not _known(catalogue, name))
            catalogue = catalogue.with_definitions(replace(definition, aliases=free))
        return catalogue

    def with_judges(self, judges: Mapping[str, bool]) -> Catalogues:
        """The same, and these judges (name -> whether it has a price)."""
        return replace(self, rewards=self.rewards.with_judges(judges))

    def _digests(self) -> dict[str, tuple[str, str]]:
        """Kind and digest of everything that has an id."""
        return {
            **dict.fromkeys(FILTERS, ("selector", "")),
            **{one.id: ("environment", one.digest) for one in self.environments.definitions()},
            **{name: ("estimator", one.digest) for name, one in ESTIMATORS.items()},
            **{one.id: ("reward", one.digest) for one in self.rewards.definitions()},
            **{name: (one.kind.value, one.digest) for name, one in self.plugged.items()},
        }


def _known(catalogue: EnvironmentCatalogue, name: str) -> bool:
    try:
        catalogue.resolve(name)
    except UnknownEnvironment:
        return False
    return True


def with_rewards(catalogue: Catalogue, plugin: str, loaded: Loaded) -> Catalogue:
    """The catalogue with the rewards among a plugin's definitions, of every scope.

    Raises:
        BrokenPlugin: one claims a name that is taken.
    """
    try:
        for definition, names in loaded:
            if isinstance(definition, RewardDefinition) or definition.kind in _REWARDS:
                catalogue = catalogue.with_definition(definition, *names)
    except DefinitionConflict as error:
        raise BrokenPlugin(f"{plugin}: {error}") from error
    return catalogue


_REWARDS = (PluginKind.GROUP_REWARD, PluginKind.BATCH_REWARD)


def _of(definitions: Iterable[PluginDefinition], kind: PluginKind) -> list[PluginDefinition]:
    return [one for one in definitions if one.kind is kind]


def kind_of(definition: Definition) -> str:
    """``reward``, ``group reward``, ``estimator``, ..."""
    return definition.kind.value if isinstance(definition, PluginDefinition) else "reward"
