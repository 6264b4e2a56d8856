"""An episode: a task, calls of the applications' functions, and the end, at which the state is tested."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import cast

from assay.sdk import Json
from assay_server.environments.apps.calling import Calling, Counts, Done, Play
from assay_server.environments.apps.expecting import StateTest, is_answer, state_tests
from assay_server.environments.apps.functions import APPS, ASK, DECLARED, FINISH, FUNCTIONS
from assay_server.environments.apps.options import FAMILIES, AppsOptions, read_options
from assay_server.environments.apps.outside import Errand, Event, decode_tape, played
from assay_server.environments.apps.policies import POLICIES
from assay_server.environments.apps.reading import DECLARED_WITH_CODE, RUN, said_by
from assay_server.environments.apps.scenery import OWNER, Stage
from assay_server.environments.apps.scripts import solved
from assay_server.environments.apps.tasks import Task
from assay_server.environments.apps.world import Tables, World
from assay_server.environments.asked import Reach
from assay_server.environments.protocol import EpisodeOver, InvalidDump, ResetResult, StepResult

_RULES = """\
Do the task with the applications below. Each action calls one or more functions, as JSON {"name": ..., "arguments":
{...}}, a list of such objects, OpenAI's tool calls, or Python calls. `list_apps` and `read_docs` explain the functions,
`ask_user` asks the user, `finish` ends the episode. Change nothing that the task does not ask for."""
_CODE_RULES = """
An action may also be a Python program in a ```python fence. It runs in a sandbox, afresh each time, and calls the same
functions, as apps.mail.list(folder="inbox") or mail_list(folder="inbox"); a call that fails raises AppError. What it
prints is shown."""
_ALWAYS_PASSED = 3
"""Tests that pass where nothing is done but to finish."""


@lru_cache(maxsize=64)
def _staged(family: str, seed: int) -> tuple[Task, Tables, str]:
    stage = Stage(Random(f"apps/{family}/{seed}"))  # noqa: S311 - a world, not a secret
    task = FAMILIES[family](stage)
    return task, stage.tables(), stage.now


_reach = Reach()


class AppsEpisode:
    """Errands in seven applications (mail, calendar, contacts, notes, files, payments, to-dos), judged by what changed.

    Options of ``reset``: ``family`` (a kind of task; by itself the seeds count through them), ``scoring`` (``fraction``
    of the tests, ``gain`` over doing nothing, or ``all``), ``schemas`` (``names`` or ``full``), ``code`` (actions may
    be programs, which takes a sandbox), ``user`` (``scripted`` or ``judge``), ``judge`` (the name of one),
    ``failurePenalty``, ``missingPenalty``, ``violationPenalty`` and ``maxSteps``.
    """

    def __init__(self, reach: Reach = _reach) -> None:
        self._reach = reach
        self._options: AppsOptions | None = None

    # ------------------------------------------------------------ the start

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start over with the task that options and seed name."""
        read = read_options(options)
        if read.code:
            self._reach.require_programs("code")
        if read.judge:
            self._reach.require_judge("judge", read.judge)
        self._start = (seed, options)
        self._family = read.family or tuple(FAMILIES)[seed % len(FAMILIES)]
        self._task, base, now = _staged(self._family, seed)
        self._calling = Calling(self._task, World(base, now, OWNER), read, Counts())
        self._identity = f"{self._family}/{seed}/{read}"
        self._tests: tuple[StateTest, ...] = ()
        self._score = 0.0
        self._tape: tuple[Event, ...] = ()
        self._options = read
        return ResetResult(self._opening(read), self.state_digest())

    def _opening(self, options: AppsOptions) -> str:
        if options.full_schemas:
            functions = "\n".join(json.dumps(one) for one in self._declared().values())
        else:
            functions = "\n".join(
                f"{app}: {', '.join(name for name, one in FUNCTIONS.items() if one.app == app)}" for app in APPS
            )
        policies = "\n".join(f"- {one.text}" for one in POLICIES)
        rules = f"{_RULES}{_CODE_RULES}" if options.code else _RULES
        return f"{rules}\n\n{functions}\n\nPolicies:\n{policies}\n\nIt is {self._calling.world.now}. {self._told()}"

    def _declared(self) -> Mapping[str, Mapping[str, Json]]:
        return DECLARED_WITH_CODE if self._given().code else DECLARED

    def _told(self) -> str:
        return f"Task: {self._task.instruction}"

    def _given(self) -> AppsOptions:
        if self._options is None:
            raise EpisodeOver("there is no episode: call reset() first")
        return self._options

    # ------------------------------------------------------------ steps

    def request_for(self, action: str) -> str:
        """What has to happen outside before an action is taken: programs, and what a judge says as the user."""
        options = self._given()
        if self._ended() or not (options.code or options.judge):
            return ""
        asked = {name for name, needed in ((RUN, options.code), (ASK, bool(options.judge))) if needed}
        if all(call.name not in asked for call in said_by(action, code=options.code).calls):
            return ""
        return Errand(*self._start, self.dump().decode(), action).encode()

    def receive(self, answer: str) -> None:
        """What happened outside in the next action."""
        self._tape = decode_tape(answer)

    def step(self, action: str) -> StepResult:
        """Take an action; what is no call changes nothing and costs a step."""
        tape, self._tape = self._tape, ()
        return played(self.play(action), tape)

    def play(self, action: str) -> Play[StepResult]:
        """Take an action, need by need."""
        options, counts = self._given(), self._calling.counts
        if self._ended():
            raise EpisodeOver("the episode is over: call reset() to start another")
        counts.steps += 1
        counts.before = len(counts.violations)
        said = said_by(action, code=options.code)
        if said.problem:
            counts.missing += 1
            return self._result(options, Done(f"Error: {said.problem}", valid=False))
        if said.answer is not None:
            self._calling.finish(said.answer)
            return self._result(options, Done("", executed=True))
        return self._result(options, (yield from self._calling.all_of(said.calls)))

    # ------------------------------------------------------------ the end

    def _judge(self) -> None:
        task, answer = self._task, self._calling.answer
        broken = sorted({policy for policy, _ in self._calling.counts.violations})
        tests = state_tests(self._calling.world, task.expected)
        tests.append(StateTest("policies kept", "policy", not broken, ", ".join(broken)))
        if task.answer is not None:
            right = answer is not None and is_answer(answer, task.answer)
            tests.append(StateTest("the answer", "answer", right, "" if right else "it is another"))
        tests.append(StateTest("finished", "finished", self._calling.finished))
        self._tests = tuple(tests)
        self._score = _score(tests, self._given())

    def _ended(self) -> bool:
        return self._calling.finished or self._calling.counts.steps >= self._given().max_steps

    def _result(self, options: AppsOptions, done: Done) -> StepResult:
        counts, over = self._calling.counts, self._calling.finished
        truncated = not over and counts.steps >= options.max_steps
        if over or truncated:
            self._judge()
        ended = over or truncated
        won = over and self._score == 1
        lost = (
            options.failure_penalty * counts.failures
            + options.missing_penalty * counts.missing
            + options.violation_penalty * len(counts.violations)
        )
        return StepResult(
            observation=done.shown or "finished",
            reward=max(0.0, self._score - lost) if ended else 0.0,
            action_valid=done.valid,
            executed=done.executed,
            won=won,
            task_score=self._score,
            terminated=over,
            truncated=truncated,
            stop_reason="won" if won else "finished" if over else "max_steps" if truncated else "",
        )

    # ------------------------------------------------------------ where it stands

    def info(self) -> Mapping[str, Json]:
        """Counters, violations of the present step, what the user told; functions at the start, tests at the end."""
        self._given()
        counts = self._calling.counts
        told: dict[str, Json] = {
            "family": self._family,
            "calls": counts.calls,
            "failures": counts.failures,
            "missing": counts.missing,
            "violations": len(counts.violations),
            "stepViolations": [{"policy": policy, "call": name} for policy, name in counts.violations[counts.before :]],
            "orders": counts.orders,
            "factsTold": [topic for topic, _ in self._calling.world.rows("told")],
        }
        if self._tests:
            told["tests"] = [one.told() for one in self._tests]
        elif not counts.steps:
            told["tools"] = [dict(one) for one in self._declared().values()]
        return told

    def anchor(self) -> str:
        """The task, and what was changed and learnt from the user so far."""
        self._given()
        return f"{self._told()}\nChanged: {self._calling.world.canonical()}"

    def state_digest(self) -> str:
        """Over the task, everything that was changed, and the policies that were broken."""
        broken = sorted(self._calling.counts.violations)
        state = f"{self._identity}\n{self._calling.world.canonical()}\n{broken}\n{self._calling.finished}"
        return hashlib.sha256(state.encode("utf-8", "backslashreplace")).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        """Some calls that work; what to write is the policy's affair."""
        if self._ended():
            return ()
        return _FINISHING if self._calling.world.is_full else _WORKING

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
        if self._options is None or self._calling.finished:
            raise EpisodeOver("there is no episode to dump")
        counts = self._calling.counts
        numbers = [counts.steps, counts.calls, counts.failures, counts.missing, counts.before, counts.orders]
        return json.dumps([numbers, counts.violations, self._calling.world.canonical()]).encode()

    def restore(self, dumped: bytes) -> None:
        """Go on from a dump."""
        self._given()
        try:
            numbers, violations, changes = cast(
                "tuple[list[int], list[tuple[str, str]], str]", tuple(json.loads(dumped))
            )
            steps, calls, failures, missing, before, orders = numbers
            pairs = tuple((policy, name) for policy, name in violations)
            self._calling.world.take_back(changes)
        except (ValueError, TypeError) as error:
            raise InvalidDump(f"no dump of an episode: {str(error)[:100]}") from error
        self._calling.counts = Counts(steps, calls, failures, missing, pairs, before, orders)

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
