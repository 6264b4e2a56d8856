"""An episode: a task, calls of the applications' functions, and the end, at which the state is tested."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import cast

from assay.sdk import Json
from assay_server.environments.apps.expecting import StateTest, is_answer, state_tests
from assay_server.environments.apps.functions import APPS, ASK, DECLARED, FINISH, FUNCTIONS
from assay_server.environments.apps.options import FAMILIES, AppsOptions, read_options
from assay_server.environments.apps.policies import POLICIES
from assay_server.environments.apps.scenery import OWNER, Stage
from assay_server.environments.apps.scripts import solved
from assay_server.environments.apps.tasks import Task
from assay_server.environments.apps.world import AppError, Tables, World
from assay_server.environments.protocol import EpisodeOver, InvalidDump, ResetResult, StepResult
from assay_server.environments.tools.reading import Planned, spoken

_RULES = """\
Do the task with the applications below. Each action calls one or more functions, as JSON {"name": ..., "arguments":
{...}}, a list of such objects, OpenAI's tool calls, or Python calls. `list_apps` and `read_docs` explain the functions,
`ask_user` asks the user, `finish` ends the episode. Change nothing that the task does not ask for."""
_MOST_TOGETHER = 16
_LONGEST_VIEW = 20_000
_ALWAYS_PASSED = 3
"""Tests that pass where nothing is done but to finish."""


@dataclass(slots=True)
class _Counts:
    """What an episode counts. ``violations`` are pairs of policy and function, in order."""

    steps: int = 0
    calls: int = 0
    failures: int = 0
    missing: int = 0
    violations: tuple[tuple[str, str], ...] = ()
    before: int = 0
    """Violations before the present step."""


@lru_cache(maxsize=64)
def _staged(family: str, seed: int) -> tuple[Task, Tables, str]:
    stage = Stage(Random(f"apps/{family}/{seed}"))  # noqa: S311 - a world, not a secret
    task = FAMILIES[family](stage)
    return task, stage.tables(), stage.now


class AppsEpisode:
    """Errands in seven applications (mail, calendar, contacts, notes, files, payments, to-dos), judged by what changed.

    Options of ``reset``: ``family`` (a kind of task; by itself the seeds count through them), ``scoring`` (``fraction``
    of the tests, ``gain`` over doing nothing, or ``all``), ``schemas`` (``names`` or ``full``), ``user``
    (``scripted``), ``failurePenalty``, ``missingPenalty``, ``violationPenalty`` and ``maxSteps``.
    """

    def __init__(self) -> None:
        self._options: AppsOptions | None = None

    # ------------------------------------------------------------ the start

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start over with the task that options and seed name."""
        read = read_options(options)
        self._family = read.family or tuple(FAMILIES)[seed % len(FAMILIES)]
        self._task, base, now = _staged(self._family, seed)
        self._world = World(base, now, OWNER)
        self._identity = f"{self._family}/{seed}/{read}"
        self._counts = _Counts()
        self._tests: tuple[StateTest, ...] = ()
        self._score = 0.0
        self._over = False
        self._options = read
        return ResetResult(self._opening(read), self.state_digest())

    def _opening(self, options: AppsOptions) -> str:
        if options.full_schemas:
            functions = "\n".join(json.dumps(one) for one in DECLARED.values())
        else:
            functions = "\n".join(
                f"{app}: {', '.join(name for name, one in FUNCTIONS.items() if one.app == app)}" for app in APPS
            )
        policies = "\n".join(f"- {one.text}" for one in POLICIES)
        return f"{_RULES}\n\n{functions}\n\nPolicies:\n{policies}\n\nIt is {self._world.now}. {self._told()}"

    def _told(self) -> str:
        return f"Task: {self._task.instruction}"

    def _given(self) -> AppsOptions:
        if self._options is None:
            raise EpisodeOver("there is no episode: call reset() first")
        return self._options

    # ------------------------------------------------------------ steps

    def step(self, action: str) -> StepResult:
        """Take an action; what is no call changes nothing and costs a step."""
        options = self._given()
        if self._ended():
            raise EpisodeOver("the episode is over: call reset() to start another")
        self._counts.steps += 1
        self._counts.before = len(self._counts.violations)
        said = spoken(action, DECLARED)
        if said.problem:
            self._counts.missing += 1
            return self._result(options, f"Error: {said.problem}", valid=False)
        if said.answer is not None:
            self._finish(said.answer)
            return self._result(options, "", executed=True)
        return self._called(options, said.calls)

    def _called(self, options: AppsOptions, calls: Sequence[Planned]) -> StepResult:
        shown: list[str] = []
        done, valid, is_full = False, True, self._world.is_full
        for number, call in enumerate(calls):
            try:
                if number >= _MOST_TOGETHER:
                    raise AppError(f"an action may have {_MOST_TOGETHER} calls")
                answer = self._made(call, is_full=is_full)
                done = True
            except AppError as error:
                self._counts.failures += 1
                valid = valid and not call.problem
                answer = f"Error: {error}"
            shown.append(f"{ascii(call.name)[1:81]}: {answer}" if len(calls) > 1 else answer)
            if self._over or number >= _MOST_TOGETHER:
                break
        return self._result(options, "\n".join(shown), valid=valid, executed=done)

    def _made(self, call: Planned, *, is_full: bool) -> str:
        """Make a call; what it answers. Raises AppError where it cannot be made; nothing has changed then."""
        if call.problem:
            raise AppError(call.problem)
        self._counts.calls += 1
        if call.name == FINISH:
            self._finish(call.arguments.get("answer"))
            return "finished"
        if is_full:
            raise AppError("there is no room for more changes: finish")
        if call.name == ASK:
            return self._task.user.reply(self._world, cast("str", call.arguments["question"]))
        broken = [one.id for one in POLICIES if one.is_broken_by(self._world, call.name, call.arguments)]
        answer = FUNCTIONS[call.name].run(self._world, call.arguments)
        self._counts.violations += tuple((policy, call.name) for policy in broken)
        shown = json.dumps(answer)
        return shown if len(shown) <= _LONGEST_VIEW else f"{shown[:_LONGEST_VIEW]} ... cut"

    # ------------------------------------------------------------ the end

    def _finish(self, answer: Json) -> None:
        self._over = True
        self._judge(answer)

    def _judge(self, answer: Json) -> None:
        task, broken = self._task, sorted({policy for policy, _ in self._counts.violations})
        tests = state_tests(self._world, task.expected)
        tests.append(StateTest("policies kept", "policy", not broken, ", ".join(broken)))
        if task.answer is not None:
            right = answer is not None and is_answer(answer, task.answer)
            tests.append(StateTest("the answer", "answer", right, "" if right else "it is another"))
        tests.append(StateTest("finished", "finished", self._over))
        self._tests = tuple(tests)
        self._score = _score(tests, self._given())

    def _ended(self) -> bool:
        return self._over or self._counts.steps >= self._given().max_steps

    def _result(self, options: AppsOptions, shown: str, *, valid: bool = True, executed: bool = False) -> StepResult:
        truncated = not self._over and self._counts.steps >= options.max_steps
        if truncated:
            self._judge(None)
        ended = self._over or truncated
        won = self._over and self._score == 1
        counts = self._counts
        lost = (
            options.failure_penalty * counts.failures
            + options.missing_penalty * counts.missing
            + options.violation_penalty * len(counts.violations)
        )
        return StepResult(
            observation=shown or "finished",
            reward=max(0.0, self._score - lost) if ended else 0.0,
            action_valid=valid,
            executed=executed,
            won=won,
            task_score=self._score,
            terminated=self._over,
            truncated=truncated,
            stop_reason="won" if won else "finished" if self._over else "max_steps" if truncated else "",
        )

    # ------------------------------------------------------------ where it stands

    def info(self) -> Mapping[str, Json]:
        """Counters, violations of the present step, what the user told; functions at the start, tests at the end."""
        self._given()
        counts = self._counts
        told: dict[str, Json] = {
            "family": self._family,
            "calls": counts.calls,
            "failures": counts.failures,
            "missing": counts.missing,
            "violations": len(counts.violations),
            "stepViolations": [{"policy": policy, "call": name} for policy, name in counts.violations[counts.before :]],
            "factsTold": [topic for topic, _ in self._world.rows("told")],
        }
        if self._tests:
            told["tests"] = [one.told() for one in self._tests]
        elif not counts.steps:
            told["tools"] = [dict(one) for one in DECLARED.values()]
        return told

    def anchor(self) -> str:
        """The task, and what was changed and learnt from the user so far."""
        self._given()
        return f"{self._told()}\nChanged: {self._world.canonical()}"

    def state_digest(self) -> str:
        """Over the task, everything that was changed, and the policies that were broken."""
        broken = sorted(self._counts.violations)
        state = f"{self._identity}\n{self._world.canonical()}\n{broken}\n{self._over}"
        return hashlib.sha256(state.encode("utf-8", "backslashreplace")).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        """Some calls that work; what to write is the policy's affair."""
        if self._ended():
            return ()
        return _FINISHING if self._world.is_full else _WORKING

    @property
    def task(self) -> Task:
        """What is to be done, with the scripts; for tests and solvers."""
        self._given()
        return self._task

    def solution(self) -> tuple[str, ...]:
        """Actions that win from the start."""
        return tuple(one.action() for one in solved(self.task))

    def dump(self) -> bytes:
        """What was changed, and the counters."""
        if self._options is None or self._over:
            raise EpisodeOver("there is no episode to dump")
        counts = self._counts
        numbers = [counts.steps, counts.calls, counts.failures, counts.missing, counts.before]
        return json.dumps([numbers, counts.violations, self._world.canonical()]).encode()

    def restore(self, dumped: bytes) -> None:
        """Go on from a dump."""
        self._given()
        try:
            numbers, violations, changes = cast(
                "tuple[list[int], list[tuple[str, str]], str]", tuple(json.loads(dumped))
            )
            steps, calls, failures, missing, before = numbers
            pairs = tuple((policy, name) for policy, name in violations)
            self._world.take_back(changes)
        except (ValueError, TypeError) as error:
            raise InvalidDump(f"no dump of an episode: {str(error)[:100]}") from error
        self._counts = _Counts(steps, calls, failures, missing, pairs, before)

    def close(self) -> None:
        """Forget the episode."""
        self._options = None


def _score(tests: Sequence[StateTest], options: AppsOptions) -> float:
    passed = sum(one.passed for one in tests)
    if passed == len(tests):
        return 1.0
    match options.scoring:
        case "fraction":
            return passed / len(tests)
        case "gain":
            return max(0.0, (passed - _ALWAYS_PASSED) / (len(tests) - _ALWAYS_PASSED))
        case "all":
            return 0.0


def _call(name: str, /, **arguments: Json) -> str:
    return json.dumps({"name": name, "arguments": arguments})


_FINISHING = (_call(FINISH),)
_WORKING = (
    _call("list_apps"),
    *(_call("read_docs", app=app) for app in APPS),
    *(_call(f"{app}_list") for app in APPS),
    _call("payments_balance"),
    _call("payments_requests"),
    _call("notes_create", title="Draft", text=""),
    _call("todos_create", title="Look into it"),
    *_FINISHING,
)
