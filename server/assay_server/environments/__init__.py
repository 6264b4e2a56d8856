"""Environments: pure state machines with anchors."""
