"""Rewards: what a sample is worth, and why. Pure."""
