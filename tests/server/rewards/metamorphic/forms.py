"""Base answers of every form with rewrites that stay equal and edits that become different, from a seeded generator."""

from __future__ import annotations

from . import collections_and_words, expressions, numbers_written
from .cases import FORMS, Case

MODULES = (numbers_written, expressions, collections_and_words)
"""Importing them fills FORMS."""

__all__ = ["FORMS", "MODULES", "Case"]
