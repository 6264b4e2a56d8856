"""Execution lanes: where rewards run, and how they are stopped. Implements the ports that the domain declares."""
