"""Rewards that are shaped by the group, the batch or the run: pure functions."""

from collections.abc import Mapping

from assay_server.estimators.declared import DeclaredMethod
from assay_server.shaping.action_projection import PROJECTION_METHODS
from assay_server.shaping.episode_outcomes import OUTCOME_METHODS
from assay_server.shaping.gated_rewards import GATED_METHODS
from assay_server.shaping.group_rewards import GROUP_METHODS
from assay_server.shaping.information import INFORMATION_METHODS
from assay_server.shaping.lengths import LENGTH_METHODS
from assay_server.shaping.objectives import OBJECTIVE_METHODS
from assay_server.shaping.sample_rewards import SAMPLE_METHODS
from assay_server.shaping.sql_parts import SQL_METHODS
from assay_server.shaping.step_credit import STEP_CREDIT_METHODS
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
    **GATED_METHODS,
    **STEP_CREDIT_METHODS,
    **OUTCOME_METHODS,
    **PROJECTION_METHODS,
}
"""Every method by its versioned id."""

__all__ = ["SAMPLE_METHODS", "SHAPING_METHODS"]
