"""The environments that a worker can make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from assay.sdk import PluginDefinition, PluginKind
from assay_server.environments.asked import Reach
from assay_server.environments.catalogue import UnknownEnvironment, builtin_environments
from assay_server.environments.protocol import Environment
from assay_server.environments.watched import watched
from assay_server.execution.corpus_folders import CorpusFolders
from assay_server.execution.discovery import load_plugin
from assay_server.execution.environment_ports import Ports, all_with_ports, folders_in
from assay_server.execution.game_folders import with_game_folder
from assay_server.execution.plugged_environments import environment_of
from assay_server.execution.shop_folders import ShopFolders
from assay_server.execution.sql.question_folders import QuestionFolders
from assay_server.sessions.values import EnvironmentSources, Reason, SessionFault, SessionSpec


def environment_maker(sources: EnvironmentSources) -> Callable[[SessionSpec], Environment]:
    """Makes the environment that a spec names, of exactly the code that the spec was made with.

    Raises:
        BrokenPlugin: one cannot be loaded.
    """
    plugged = [
        environment_of(definition)
        for plugin in sources.plugins
        for definition, _ in load_plugin(plugin)
        if isinstance(definition, PluginDefinition) and definition.kind is PluginKind.ENVIRONMENT
    ]
    catalogue = builtin_environments().with_definitions(*plugged)
    if sources.games:
        catalogue = with_game_folder(catalogue, Path(sources.games))
    ports = Ports(
        Reach(sources.programs, sources.judges),
        CorpusFolders(folders_in(sources.corpora)),
        QuestionFolders(folders_in(sources.questions)),
        ShopFolders(folders_in(sources.shops)) if sources.shops else None,
    )
    catalogue = all_with_ports(catalogue, ports)

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
        return watched(definition.make()) if sources.checked else definition.make()

    return make
