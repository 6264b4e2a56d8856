"""Rewards that are shaped by the group, the batch or the run: pure functions."""

from collections.abc import Mapping

from assay_server.estimators.declared import DeclaredMethod
from assay_server.shaping.group_rewards import GROUP_METHODS
from assay_server.shaping.information import INFORMATION_METHODS
from assay_server.shaping.lengths import LENGTH_METHODS
from assay_server.shaping.objectives import OBJECTIVE_METHODS
from assay_server.shaping.sql_parts import SQL_METHODS
from assay_server.shaping.tool_calls import TOOL_METHODS
from assay_server.shaping.votes import VOTE_METHODS
from assay_server.shaping.webshop_product import WEBSHOP_METHODS

SHAPING_METHODS: Mapping[str, DeclaredMethod] = {
    **GROUP_METHODS,
    **TOOL_METHODS,
    **LENGTH_METHODS,
    **VOTE_METHODS,
    **OBJECTIVE_METHODS,
    **INFORMATION_METHODS,
    **SQL_METHODS,
    **WEBSHOP_METHODS,
}
"""Every method by its versioned id."""

__all__ = ["SHAPING_METHODS"]
