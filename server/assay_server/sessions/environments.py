"""The environments that a worker can make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from assay.sdk import PluginDefinition, PluginKind
from assay_server.environments.catalogue import UnknownEnvironment, builtin_environments
from assay_server.environments.protocol import Environment
from assay_server.environments.watched import watched
from assay_server.execution.discovery import load_plugin
from assay_server.execution.game_folders import with_game_folder
from assay_server.execution.plugged_environments import environment_of
from assay_server.execution.shop_folders import with_shop_folder
from assay_server.sessions.values import Reason, SessionFault, SessionSpec

GAMES, SHOPS = "games:", "shops:"
"""Before the path of a folder of games, or of catalogues of the shop, where it is told to workers among the plugins."""

CHECKS = "checks:"
"""Told to workers among the plugins: environments are held to their promises at every step."""


def environment_maker(plugins: Sequence[str] = ()) -> Callable[[SessionSpec], Environment]:
    """Makes the environment that a spec names, of exactly the code that the spec was made with.

    Args:
        plugins: as workers are told them; :data:`GAMES` and :data:`SHOPS` before a path name folders,
            :data:`CHECKS` asks for passive checks.

    Raises:
        BrokenPlugin: one cannot be loaded.
    """
    plugged = [
        environment_of(definition)
        for plugin in plugins
        if not plugin.startswith((GAMES, SHOPS, CHECKS))
        for definition, _ in load_plugin(plugin)
        if isinstance(definition, PluginDefinition) and definition.kind is PluginKind.ENVIRONMENT
    ]
    catalogue = builtin_environments().with_definitions(*plugged)
    for plugin in plugins:
        if plugin.startswith(GAMES):
            catalogue = with_game_folder(catalogue, Path(plugin.removeprefix(GAMES)))
        elif plugin.startswith(SHOPS):
            catalogue = with_shop_folder(catalogue, Path(plugin.removeprefix(SHOPS)))

    def make(spec: SessionSpec) -> Environment:
        try:
            definition = catalogue.resolve(spec.environment)
        except UnknownEnvironment as error:
            raise SessionFault(Reason.UNKNOWN_ENVIRONMENT, str(error), field="environment_id") from error
        if definition.digest != spec.digest:
            raise SessionFault(
                Reason.ENVIRONMENT_CHANGED,
                f"{spec.environment} is other code now than when the session was made",
                {"recorded": spec.digest, "present": definition.digest},
            )
        return watched(definition.make()) if CHECKS in plugins else definition.make()

    return make
