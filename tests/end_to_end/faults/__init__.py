"""Fleets that are broken while they work."""
