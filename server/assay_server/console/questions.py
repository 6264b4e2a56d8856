"""What may be asked of the records, and the answers. Indexes of the runs that were looked at last are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from assay.json_mapping import message_to_json
from assay.sdk import Json
from assay_server.console.errors import BadQuestion
from assay_server.console.records import Records, RunRow
from assay_server.console.run_index import RunIndex
from assay_server.console.shown import cut, shown_group, shown_result, shown_rollout, shown_task
from assay_server.console.summary import group_line, group_rows, prompts, summary

_KEPT_RUNS: Final = 8
_FIRST_SECONDS: Final = 0.2
_READ_SECONDS: Final = 0.5
_WHOLE_SECONDS: Final = 3600.0
_MOST_MEMBERS: Final = 64
_LISTED_RUNS: Final = 200

Arguments = Mapping[str, str]


class Questions:
    """Answers questions about one file of records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._indexes: OrderedDict[tuple[str, str, int], RunIndex] = OrderedDict()
        self._summaries: dict[tuple[str, str, int], tuple[tuple[int, int, int, bool], dict[str, Json]]] = {}
        self._answers: Mapping[str, Callable[[str, Arguments], dict[str, Json]]] = {
            "runs": self._runs,
            "run": self._run,
            "whole_run": self._whole_run,
            "prompts": self._prompts,
            "groups": self._groups,
            "group": self._group,
            "rollout": self._rollout,
        }

    def answer(self, question: str, tenant: str, arguments: Arguments) -> dict[str, Json]:
        """The answer to one question of a tenant.

        Raises:
            NotHeld: there is no such run, group or rollout.
            BadQuestion: an argument is missing or makes no sense.
        """
        known = self._answers.get(question)
        if known is None:
            raise BadQuestion(f"there is no question {question[:64]!r}")
        return known(tenant, arguments)

    def _runs(self, tenant: str, arguments: Arguments) -> dict[str, Json]:
        del arguments
        rows = self._records.runs(tenant)
        listed: list[Json] = [self._described(run) for run in rows[:_LISTED_RUNS]]
        return {"runs": listed, "total": len(rows)}

    def _described(self, run: RunRow) -> dict[str, Json]:
        rollouts, groups = self._records.counts(run)
        return {
            "runId": run.run_id,
            "generation": run.generation,
            "rollouts": rollouts,
            "groups": groups,
            "spec": _spec(run),
        }

    def _run(self, tenant: str, arguments: Arguments) -> dict[str, Json]:
        return self._summary(tenant, arguments, _READ_SECONDS)

    def _whole_run(self, tenant: str, arguments: Arguments) -> dict[str, Json]:
        told = self._summary(tenant, arguments, _WHOLE_SECONDS)
        hardest: Json = self._prompts(tenant, arguments)
        return told | {"prompts": hardest}

    def _summary(self, tenant: str, arguments: Arguments, seconds: float) -> dict[str, Json]:
        index = self._index(tenant, _needed(arguments, "run"), seconds)
        rollouts, groups = self._records.counts(index.run)
        key = (tenant, index.run.run_id, index.run.generation)
        state = (index.version, rollouts, groups, index.complete)
        known = self._summaries.get(key)
        if known is None or known[0] != state:
            known = (state, summary(index, rollouts, groups) | {"spec": _spec(index.run)})
            self._summaries[key] = known
        return known[1]

    def _prompts(self, tenant: str, arguments: Arguments) -> dict[str, Json]:
        index = self._index(tenant, _needed(arguments, "run"), _READ_SECONDS)
        return prompts(index, arguments.get("order", "hardest"), _start(arguments))  # pyright: ignore[reportArgumentType] - checked there

    def _groups(self, tenant: str, arguments: Arguments) -> dict[str, Json]:
        index = self._index(tenant, _needed(arguments, "run"), _READ_SECONDS)
        start = _start(arguments)
        rows, total = group_rows(index, arguments.get("kind", "all"), arguments.get("prompt", ""), start)  # pyright: ignore[reportArgumentType] - checked there
        ids = self._records.group_ids([int(key) for key in index.groups.key.values[rows]])
        lines: list[Json] = [
            group_line(index.groups, row, ids.get(int(index.groups.key.values[row]), "")) for row in rows.tolist()
        ]
        return {"groups": lines, "start": start, "total": total}

    def _group(self, tenant: str, arguments: Arguments) -> dict[str, Json]:
        run = self._records.run(tenant, _needed(arguments, "run"))
        group_id = arguments.get("group", "")
        result = self._records.group_result(run, group_id)
        members: list[Json] = [
            {"rollout": shown_rollout(rollout), "result": shown_result(answer)}
            for rollout, answer in self._records.members(run, group_id, _MOST_MEMBERS)
        ]
        return {
            "runId": run.run_id,
            "spec": _spec(run),
            "groupId": group_id,
            "result": shown_group(result),
            "members": members,
        }

    def _rollout(self, tenant: str, arguments: Arguments) -> dict[str, Json]:
        run = self._records.run(tenant, _needed(arguments, "run"))
        rollout, answer = self._records.rollout(run, _needed(arguments, "rollout"))
        task = self._records.task(tenant, rollout.task_digest) if rollout.task_digest else None
        return {
            "runId": run.run_id,
            "spec": _spec(run),
            "rollout": shown_rollout(rollout),
            "task": shown_task(task),
            "result": shown_result(answer),
        }

    def _index(self, tenant: str, run_id: str, seconds: float) -> RunIndex:
        run = self._records.run(tenant, run_id)
        key = (tenant, run_id, run.generation)
        index = self._indexes.pop(key, None)
        if index is None:
            index = RunIndex(run)
            seconds = _FIRST_SECONDS if seconds == _READ_SECONDS else seconds
        self._indexes[key] = index
        while len(self._indexes) > _KEPT_RUNS:
            forgotten, _ = self._indexes.popitem(last=False)
            self._summaries.pop(forgotten, None)
        index.read(self._records, seconds)
        return index


def _spec(run: RunRow) -> Json:
    return cut(dict(message_to_json(run.spec)))


def _needed(arguments: Arguments, name: str) -> str:
    value = arguments.get(name, "")
    if not value:
        raise BadQuestion(f"{name}: is needed")
    return value


def _start(arguments: Arguments) -> int:
    text = arguments.get("start", "0")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadQuestion("start: expected a whole number that is not negative")
    return int(text)
