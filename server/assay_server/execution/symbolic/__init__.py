"""Symbolic and high-precision comparison of answers, over the trees that the rewards read: no text reaches SymPy."""

from assay_server.execution.symbolic.comparison import SympySymbolic

__all__ = ["SympySymbolic"]
