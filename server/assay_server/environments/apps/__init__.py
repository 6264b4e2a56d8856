"""``apps``: errands in stateful applications behind functions, judged by what changed."""

from __future__ import annotations

from assay_server.environments.apps.episode import AppsEpisode
from assay_server.environments.apps.options import OPTIONS
from assay_server.environments.definition import EnvironmentDefinition, Replay

__all__ = ["APPS", "AppsEpisode"]

APPS = EnvironmentDefinition(
    id="assay/apps-v1",
    make=AppsEpisode,
    summary="errands in mail, calendar, contacts, notes, files, payments and to-dos, judged by what changed",
    options=OPTIONS,
    replay=Replay.RECORDED,
    aliases=("apps",),
    doc=AppsEpisode.__doc__ or "",
)
