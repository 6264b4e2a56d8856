"""Episodes of an environment of the service, as a taskset and an environment that verifiers and prime-rl load by name.

    vf-run verifiers_episodes --env.taskset.task.environment household -n 8

Each seed is a task; the model answers with ``<action>...</action>``.
"""

from assay.integrations.verifiers import EpisodeEnv, EpisodeTaskset

__all__ = ["EpisodeEnv", "EpisodeTaskset"]
