"""Spans: what became of a call, a rollout, a group, for whoever collects traces. Off unless the operator says so."""
