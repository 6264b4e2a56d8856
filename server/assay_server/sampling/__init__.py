"""Which groups and samples are kept, and why: pure decisions."""

from assay_server.sampling.filters import FILTERS, Decision, Filters, compile_filters
from assay_server.sampling.selection import Selection, select_by_magnitude

__all__ = ["FILTERS", "Decision", "Filters", "Selection", "compile_filters", "select_by_magnitude"]
