"""An episode as the command line starts it: an environment by name, a game file, a seed and options as text."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from assay.sdk import Json, PluginDefinition, PluginKind
from assay_server.cli.json_text import BadLine, read_object
from assay_server.cli.line_source import Line
from assay_server.cli.refusals import Usage
from assay_server.environments.asked import Reach
from assay_server.environments.catalogue import EnvironmentCatalogue
from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.protocol import Asking, Environment, EnvironmentFault
from assay_server.execution.asked_outside import AskedOutside
from assay_server.execution.corpus_folders import CorpusFolders
from assay_server.execution.discovery import discover, is_path, load_plugin
from assay_server.execution.environment_ports import Ports, with_ports
from assay_server.execution.game_folders import with_game_folder
from assay_server.execution.plugged_environments import environment_of
from assay_server.execution.plugin_files import BrokenPlugin
from assay_server.execution.shop_folders import ShopFolders
from assay_server.execution.sql.question_folders import QuestionFolders
from assay_server.logs import log_errors_only

_MAX_GAME_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class EpisodeSource:
    """What an episode is started from.

    Attributes:
        options: as ``reset`` takes them; the game file's contents under ``game``.
    """

    definition: EnvironmentDefinition
    options: Mapping[str, Json]

    def environment(self) -> Environment:
        """A new instance, not reset."""
        return self.definition.make()

    def played(self) -> Environment:
        """A new instance whose programs are run, where its actions have any."""
        environment = self.environment()
        if not isinstance(environment, Asking):
            return environment
        log_errors_only()
        return AskedOutside(environment)


@dataclass(frozen=True, slots=True)
class EpisodeNames:
    """What the command line said; picklable.

    Attributes:
        env: id or short name.
        game: a game file.
        games: a folder of games.
        options: JSON.
        plugins: files that declare environments.
    """

    env: str
    game: Path | None = None
    games: Path | None = None
    options: str = "{}"
    plugins: tuple[str, ...] = ()


def episode_source(names: EpisodeNames) -> EpisodeSource:
    """The environment of that name with its options.

    Raises:
        Usage: there is no such environment, plugin or file, or the options are no JSON object.
    """
    catalogue = environment_catalogue(names.plugins)
    if names.games is not None:
        if not names.games.is_dir():
            raise Usage(f"--games {names.games}: not a folder")
        catalogue = with_game_folder(catalogue, names.games)
    with environment_faults_told():
        ports = Ports(Reach(programs=True), CorpusFolders(), QuestionFolders(), ShopFolders())
        definition = with_ports(catalogue.resolve(names.env), ports)
    read = read_options(names.options)
    if names.game is not None:
        read["game"] = read_game(names.game)
    return EpisodeSource(definition, read)


def environment_catalogue(plugins: Sequence[str]) -> EnvironmentCatalogue:
    """The built-in environments, those of plugins that are installed, and those of plugin files.

    Raises:
        Usage: a plugin that was named is broken, or declares no environment.
    """
    named = [str(Path(plugin).absolute()) if is_path(plugin) else plugin for plugin in plugins]
    try:
        found = discover(None, named)
    except BrokenPlugin as error:
        raise Usage(f"--plugin {error}") from error
    places = {record.place for record in found.records if record.kind == PluginKind.ENVIRONMENT.value}
    for plugin, given in zip(named, plugins, strict=True):
        if is_path(plugin) and plugin not in places:
            raise Usage(f"--plugin {given}: there is no environment in it")
    return found.catalogues.environments


def plugin_environments(plugin: str) -> list[EnvironmentDefinition]:
    """The environments that a plugin declares.

    Raises:
        Usage: the plugin is broken.
    """
    try:
        loaded = [definition for definition, _ in load_plugin(plugin)]
    except BrokenPlugin as error:
        raise Usage(f"{plugin}: {error}") from error
    declared = [one for one in loaded if isinstance(one, PluginDefinition) and one.kind is PluginKind.ENVIRONMENT]
    return [environment_of(one) for one in declared]


def read_options(text: str) -> dict[str, Json]:
    """``--options`` as an object.

    Raises:
        Usage: it is none.
    """
    encoded = text.encode("utf-8", "surrogatepass")
    try:
        return read_object(Line(1, encoded, len(encoded)))
    except BadLine as error:
        raise Usage(f"--options: {error.message}") from error


def read_game(path: Path) -> Json:
    """A game file's contents: a JSON object where it is one, else its text.

    Raises:
        Usage: it cannot be read.
    """
    try:
        if path.stat().st_size > _MAX_GAME_BYTES:
            raise Usage(f"--game {path}: larger than {_MAX_GAME_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"--game {path}: {error}") from error
    try:
        return cast("Json", json.loads(text))
    except (ValueError, RecursionError):
        return text


@contextmanager
def environment_faults_told() -> Generator[None]:
    """What an environment refuses is told as a usage error."""
    try:
        yield
    except EnvironmentFault as error:
        raise Usage(str(error)) from error
