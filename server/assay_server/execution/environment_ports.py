"""Environments with what they need of the process that they are in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from assay_server.environments.apps import AppsEpisode
from assay_server.environments.asked import Reach
from assay_server.environments.catalogue import EnvironmentCatalogue
from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.hidden_facts import InquiryEpisode
from assay_server.environments.protocol import Environment
from assay_server.environments.shop import Shop
from assay_server.environments.shop.setting import CatalogueSource
from assay_server.environments.sql import SqlBench, SqlEpisode
from assay_server.environments.tools import ToolPorts, ToolsEpisode
from assay_server.environments.tools.corpus import Corpora


@dataclass(frozen=True, slots=True)
class Ports:
    """What a process has for its environments.

    Attributes:
        reach: what episodes can ask of the outside.
        corpora: that tools search.
        questions: about databases, with these.
        shops: catalogues of the shop; None = the generated one alone.
    """

    reach: Reach
    corpora: Corpora
    questions: SqlBench
    shops: CatalogueSource | None = None


def with_ports(definition: EnvironmentDefinition, ports: Ports) -> EnvironmentDefinition:
    """An environment that takes ports with its own; any other as it is."""
    makers: dict[Callable[[], Environment], Callable[[], Environment]] = {
        AppsEpisode: partial(AppsEpisode, ports.reach),
        InquiryEpisode: partial(InquiryEpisode, ports.reach),
        Shop: partial(Shop, ports.shops),
        SqlEpisode: partial(SqlEpisode, ports.questions),
        ToolsEpisode: partial(ToolsEpisode, ToolPorts(ports.corpora, ports.questions, ports.reach.programs)),
    }
    return dataclasses.replace(definition, make=makers.get(definition.make, definition.make))


def all_with_ports(catalogue: EnvironmentCatalogue, ports: Ports) -> EnvironmentCatalogue:
    """The catalogue with these ports; digests stay the code's."""
    return catalogue.with_definitions(*(with_ports(one, ports) for one in catalogue.definitions()))


def folders_in(root: str) -> dict[str, Path]:
    """The folders in a folder by their names; none where ``root`` is empty."""
    return {path.name: path for path in Path(root).iterdir() if path.is_dir()} if root else {}
