"""Which groups and samples are kept, and why: pure decisions."""

from assay_server.sampling.filters import FILTERS, Decision, Filters, compile_filters
from assay_server.sampling.selection import Selection, select_by_magnitude
from assay_server.sampling.selectors import PluggedSelector, RunSelection, Selectors

__all__ = [
    "FILTERS",
    "Decision",
    "Filters",
    "PluggedSelector",
    "RunSelection",
    "Selection",
    "Selectors",
    "compile_filters",
    "select_by_magnitude",
]
