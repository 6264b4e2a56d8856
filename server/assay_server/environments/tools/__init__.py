"""``tools``: answer a question with tools: Python, search, a calculator, a database, files."""

from __future__ import annotations

from assay_server.environments.definition import EnvironmentDefinition, Replay
from assay_server.environments.tools.episode import ToolsEpisode
from assay_server.environments.tools.options import OPTIONS
from assay_server.environments.tools.workshop import ToolPorts

__all__ = ["TOOLS", "ToolPorts", "ToolsEpisode"]

TOOLS = EnvironmentDefinition(
    id="assay/tools-v1",
    make=ToolsEpisode,
    summary="a question that takes tools: Python, search, a calculator, a database, files",
    options=OPTIONS,
    replay=Replay.RECORDED,
    aliases=("tools",),
    doc=ToolsEpisode.__doc__ or "",
)
