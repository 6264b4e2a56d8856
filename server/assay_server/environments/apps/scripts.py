"""Scripted agents for a task: one that does it, and those that miss it as agents do."""

from __future__ import annotations

from assay_server.environments.apps.functions import FINISH
from assay_server.environments.apps.tasks import Doing, Task, do


def solved(task: Task) -> tuple[Doing, ...]:
    """Does what was asked, and nothing else."""
    return (*task.solution, _finish(task, task.answer or ""))


def wrong_object(task: Task) -> tuple[Doing, ...]:
    """Does what was asked to something that looks like it."""
    return (*task.wrong_object, _finish(task, task.wrong_answer))


def side_effect(task: Task) -> tuple[Doing, ...]:
    """Does what was asked, and something that nobody asked for."""
    return (*task.solution, do("notes_create", title="Done", text="I did it."), _finish(task, task.answer or ""))


def half_done(task: Task) -> tuple[Doing, ...]:
    """Does what was asked but for the last of it."""
    if task.answer is not None:
        return (*task.solution, _finish(task, task.partial_answer))
    return (*task.solution[:-1], _finish(task, ""))


def _finish(task: Task, answer: str) -> Doing:
    return do(FINISH) if task.answer is None else do(FINISH, answer=answer)
