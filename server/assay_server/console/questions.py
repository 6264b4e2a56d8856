"""What may be asked of the records, and the answers. Indexes of the runs that were looked at last are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from assay.json_mapping import message_to_json
from assay.sdk import Json
from assay_server.console.errors import BadQuestion
from assay_server.console.run_index import RunIndex
from assay_server.console.run_records import ListedRun, Missing, RunRecords, RunRow
from assay_server.console.shown import cut, shown_facts, shown_group, shown_result, shown_rollout, shown_task
from assay_server.console.summary import group_line, group_rows, prompts, summary

_KEPT_RUNS: Final = 8
_FIRST_SECONDS: Final = 0.2
_READ_SECONDS: Final = 0.5
_WHOLE_SECONDS: Final = 3600.0
_MOST_MEMBERS: Final = 64
_LISTED_RUNS: Final = 200

Arguments = Mapping[str, str]


class _Name(NamedTuple):
    """A run that is looked at; ``key`` tells it from one that had its id before."""

    tenant: str
    run_id: str
    generation: int
    key: int


class Questions:
    """Answers questions about the records of one store."""

    def __init__(self, records: RunRecords) -> None:
        self._records = records
        self._indexes: OrderedDict[_Name, RunIndex] = OrderedDict()
        self._summaries: dict[_Name, tuple[tuple[int, int, int, bool, Missing], dict[str, Json]]] = {}
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
        rows, total = self._records.runs(tenant, _LISTED_RUNS)
        listed: list[Json] = [_described(run) for run in rows]
        return {"runs": listed, "total": total}

    def _run(self, tenant: str, arguments: Arguments) -> dict[str, Json]:
        return self._summary(tenant, arguments, _READ_SECONDS)

    def _whole_run(self, tenant: str, arguments: Arguments) -> dict[str, Json]:
        told = self._summary(tenant, arguments, _WHOLE_SECONDS)
        hardest: Json = self._prompts(tenant, arguments)
        return told | {"prompts": hardest}

    def _summary(self, tenant: str, arguments: Arguments, seconds: float) -> dict[str, Json]:
        index = self._index(tenant, _needed(arguments, "run"), seconds)
        rollouts, groups = self._records.counts(index.run)
        key = _name(index.run)
        state = (index.version, rollouts, groups, index.complete, index.missing)
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
        ids = index.group_ids([int(key) for key in index.groups.key.values[rows]])
        lines: list[Json] = [
            group_line(index.groups, row, ids.get(int(index.groups.key.values[row]), "")) for row in rows.tolist()
        ]
        return {"groups": lines, "start": start, "total": total}

    def _group(self, tenant: str, arguments: Arguments) -> dict[str, Json]:
        run = self._records.run(tenant, _needed(arguments, "run"))
        group_id = arguments.get("group", "")
        found = self._records.group(run, group_id)
        members: list[Json] = [
            {"rollout": shown_rollout(one.rollout), "result": shown_result(one.result)}
            for one in self._records.members(run, group_id, _MOST_MEMBERS)
        ]
        return {
            "runId": run.run_id,
            "spec": _spec(run),
            "groupId": group_id,
            "result": shown_group(found.result),
            "finished": found.finished,
            "facts": shown_facts(found.facts),
            "members": members,
        }

    def _rollout(self, tenant: str, arguments: Arguments) -> dict[str, Json]:
        run = self._records.run(tenant, _needed(arguments, "run"))
        found = self._records.rollout(run, _needed(arguments, "rollout"))
        task = self._records.task(tenant, found.rollout.task_digest) if found.rollout.task_digest else None
        return {
            "runId": run.run_id,
            "spec": _spec(run),
            "rollout": shown_rollout(found.rollout),
            "task": shown_task(task),
            "result": shown_result(found.result),
            "settled": found.settled,
        }

    def _index(self, tenant: str, run_id: str, seconds: float) -> RunIndex:
        run = self._records.run(tenant, run_id)
        key = _name(run)
        index = self._indexes.pop(key, None)
        if index is None:
            index = RunIndex(run, self._records.reading(run))
            seconds = _FIRST_SECONDS if seconds == _READ_SECONDS else seconds
        self._indexes[key] = index
        while len(self._indexes) > _KEPT_RUNS:
            forgotten, _ = self._indexes.popitem(last=False)
            self._summaries.pop(forgotten, None)
        index.read(seconds)
        return index


def _name(run: RunRow) -> _Name:
    return _Name(run.tenant, run.run_id, run.generation, run.key)


def _described(run: ListedRun) -> dict[str, Json]:
    return {
        "runId": run.run_id,
        "generation": run.generation,
        "rollouts": run.rollouts,
        "groups": run.groups,
        "spec": _spec(run),
    }


def _spec(run: RunRow | ListedRun) -> Json:
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
