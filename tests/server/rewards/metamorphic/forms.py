"""Base answers of every form with rewrites that stay equal and edits that become different, from a seeded generator."""

from __future__ import annotations

from . import expressions, numbers_written, sets_and_matrices, sums_and_integrals, words_and_parts
from .cases import FORMS, Case

MODULES = (numbers_written, expressions, sets_and_matrices, words_and_parts, sums_and_integrals)
"""Importing them fills FORMS."""

__all__ = ["FORMS", "MODULES", "Case"]
