"""Environments with what they can ask of the outside in this process."""

from __future__ import annotations

import dataclasses
from functools import partial

from assay_server.environments.apps import AppsEpisode
from assay_server.environments.asked import Reach
from assay_server.environments.catalogue import EnvironmentCatalogue
from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.hidden_facts import InquiryEpisode

_ASKING = (AppsEpisode, InquiryEpisode)


def with_reach(definition: EnvironmentDefinition, reach: Reach) -> EnvironmentDefinition:
    """An environment that asks the outside with what it reaches; any other as it is."""
    for kind in _ASKING:
        if definition.make is kind:
            return dataclasses.replace(definition, make=partial(kind, reach))
    return definition


def all_with_reach(catalogue: EnvironmentCatalogue, reach: Reach) -> EnvironmentCatalogue:
    """The catalogue with this reach; digests stay the code's."""
    return catalogue.with_definitions(*(with_reach(one, reach) for one in catalogue.definitions()))
