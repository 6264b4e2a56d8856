"""Answers scored by the service, as a taskset that verifiers and prime-rl load by this module's name.

    vf-run verifiers_answers --env.taskset.path tasks.jsonl --env.taskset.task.reward math

Rows are ``{"prompt": ..., "reference": {"answer": ...}}``. It is a module of its own since verifiers takes the one
taskset that a module exports.
"""

from assay.integrations.verifiers import ScoredTaskset

__all__ = ["ScoredTaskset"]
