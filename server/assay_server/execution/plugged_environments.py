"""Environments of plugins, as the server's own: a class whose ``__init__`` takes typed options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from assay.sdk import Json, PluginDefinition
from assay.sdk.parameters import bind_parameters, object_schema
from assay_server.environments.definition import EnvironmentDefinition, Replay
from assay_server.environments.protocol import (
    Carrying,
    Dumping,
    Environment,
    EpisodeOver,
    InvalidOptions,
    ResetResult,
    StepResult,
    TurnTaking,
)


class PluggedEnvironment:
    """An episode of a plugin's environment. The class is made anew at each reset, with the options that it declares."""

    def __init__(self, definition: PluginDefinition) -> None:
        self._definition = definition
        self._live: Environment | None = None

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start the episode that ``seed`` and ``options`` name.

        Raises:
            InvalidOptions: an option is unknown, missing, or of the wrong type.
        """
        try:
            bound = bind_parameters(self._definition.parameters, options)
        except ValueError as error:
            raise InvalidOptions("options", str(error)) from error
        self.close()
        make = cast("Callable[..., Environment]", self._definition.function)
        self._live = make(**bound)
        return self._live.reset(seed, options)

    def step(self, action: str) -> StepResult:
        """Take an action."""
        return self._started().step(action)

    def anchor(self) -> str:
        """The current state as canonical text."""
        return self._started().anchor()

    def state_digest(self) -> str:
        """Equal exactly where the true state is equal."""
        return self._started().state_digest()

    def admissible_actions(self) -> tuple[str, ...]:
        """The actions that are valid now."""
        return self._started().admissible_actions()

    def close(self) -> None:
        """Let go of everything."""
        if self._live is not None:
            self._live.close()
            self._live = None

    def _started(self) -> Environment:
        if self._live is None:
            raise EpisodeOver("there is no episode: call reset() first")
        return self._live


class _CarryingEnvironment(PluggedEnvironment):
    """One that says what is carried."""

    def inventory(self) -> str:
        """What is carried, as text."""
        return cast("Carrying", self._started()).inventory()


class _DumpingEnvironment(PluggedEnvironment):
    """One that can be put aside."""

    def dump(self) -> bytes:
        """Everything that changed since ``reset``."""
        return cast("Dumping", self._started()).dump()

    def restore(self, dumped: bytes) -> None:
        """Continue where ``dump`` was called."""
        cast("Dumping", self._started()).restore(dumped)


class _TurnTakingEnvironment(PluggedEnvironment):
    """One of several agents."""

    def agent_to_act(self) -> str:
        """Whose turn it is."""
        return cast("TurnTaking", self._started()).agent_to_act()


_OFFERS: tuple[tuple[tuple[str, ...], type[PluggedEnvironment]], ...] = (
    (("inventory",), _CarryingEnvironment),
    (("dump", "restore"), _DumpingEnvironment),
    (("agent_to_act",), _TurnTakingEnvironment),
)


def _offered(cls: Callable[..., object]) -> type[PluggedEnvironment]:
    """What offers as much as the plugin's class does, and no more: callers ask what there is."""
    offered = [kind for names, kind in _OFFERS if all(callable(getattr(cls, name, None)) for name in names)]
    return type("PluggedEnvironment", (*offered, PluggedEnvironment), {})


def environment_of(definition: PluginDefinition) -> EnvironmentDefinition:
    """A declared environment as one that can be named, made and replayed; its short name leaves the namespace out."""
    made = _offered(definition.function)
    return EnvironmentDefinition(
        id=definition.id,
        make=lambda: made(definition),
        summary=definition.doc.partition("\n")[0],
        options=object_schema(definition.parameters),
        replay=Replay.PURE if definition.deterministic else Replay.NONE,
        aliases=(definition.id.rpartition("/")[2].rpartition("-v")[0],),
        doc=definition.doc,
        digest=definition.digest,
    )
