"""Tasks of reasoning-gym, scored by their own scorers: one question, one answer. Needs the extra ``reasoning``.

Some of its scorers evaluate the answer as Python or hand it to SymPy's parser, which does: a model could run code. Only
tasks whose scorers were read and do neither are taken; :data:`SAFE_TASKS` lists them.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from assay.sdk import Json
from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.protocol import EpisodeOver, InvalidOptions, ResetResult, StepResult

_COMPARED_WITH_THE_ANSWER = """
    acre aiw arc_1d base_conversion basic_arithmetic bf binary_alternation caesar_cipher count_bits count_primes
    course_schedule gcd isomorphic_strings largest_island lcm leg_counting letter_counting list_functions
    mahjong_puzzle maze modulo_grid number_filtering number_sequence ransom_note rotate_matrix rotten_oranges
    simple_equations simple_geometry string_manipulation string_splitting string_synthesis syllogism
    word_sequence_reversal
"""
_SCORED_AS_TEXT = """
    ab calendar_arithmetic circuit_logic color_cube_rotation dice emoji_mystery family_relationships figlet_font
    futoshiki letter_jumble mini_sudoku needle_haystack number_format palindrome_generation path_star
    rectangle_count sentence_reordering spell_backward sudoku word_ladder zebra_puzzles
"""
SAFE_TASKS = frozenset((*_COMPARED_WITH_THE_ANSWER.split(), *_SCORED_AS_TEXT.split()))
"""Tasks whose scorers treat an answer as text."""

MAX_ATTEMPTS = 100
_LONGEST_ANSWER = 20_000
_OPENED, _CLOSED = "<answer>", "</answer>"

OPTIONS_SCHEMA: Mapping[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["task"],
    "properties": {
        "task": {"enum": cast("Json", sorted(SAFE_TASKS))},
        "params": {"type": "object", "description": "The task's own settings."},
        "attempts": {"type": "integer", "minimum": 1, "maximum": MAX_ATTEMPTS, "default": 1},
    },
}


class _Task(Protocol):
    """What is used of a data set of reasoning-gym."""

    def __getitem__(self, index: int) -> Mapping[str, object]: ...
    def score_answer(self, answer: str, entry: Mapping[str, object]) -> float: ...


@dataclass(frozen=True, slots=True)
class _Options:
    task: str
    params: Mapping[str, Json]
    attempts: int


class ReasoningGymEpisode:
    """One question of a task; the seed chooses it.

    The answer is what stands in the last ``<answer>`` of an action, else the whole action. The reward is the task's
    score; an episode ends with a full score or after the last attempt, and ``reset`` with another seed asks another
    question.
    """

    def __init__(self) -> None:
        self._options: _Options | None = None
        self._task: _Task | None = None
        self._entry: Mapping[str, object] = {}
        self._question = ""
        self._attempts = 0
        self._over = True

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Draw the question of a seed."""
        read = _read_options(options)
        self._task = _made(read, seed)
        self._options = read
        self._entry = self._task[0]
        self._question = str(self._entry["question"])
        self._attempts, self._over = 0, False
        return ResetResult(self._question, self.state_digest())

    def step(self, action: str) -> StepResult:
        """Answer."""
        task, options = self._known()
        if self._over:
            raise EpisodeOver("the episode is over: call reset() to start another")
        answer = answer_in(action)
        valid = 0 < len(answer) <= _LONGEST_ANSWER
        score = float(task.score_answer(answer, self._entry)) if valid else 0.0
        if not math.isfinite(score):
            raise ArithmeticError(f"{options.task} scored {score}")
        self._attempts += 1
        won = score >= 1.0
        truncated = not won and self._attempts >= options.attempts
        self._over = won or truncated
        return StepResult(
            observation=self._question,
            reward=score,
            action_valid=valid,
            executed=valid,
            won=won,
            task_score=min(1.0, max(0.0, score)),
            terminated=won,
            truncated=truncated,
            stop_reason="won" if won else "max_steps" if truncated else "",
        )

    def anchor(self) -> str:
        """The question."""
        self._known()
        return self._question

    def state_digest(self) -> str:
        """sha256 over the task and the question; attempts are a step counter."""
        _, options = self._known()
        text = json.dumps([options.task, dict(options.params), self._question, self._entry["answer"]], default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        """None can be listed: any text is an answer."""
        return ()

    def solution(self) -> tuple[str, ...]:
        """The answer that the task was made with."""
        self._known()
        return (str(self._entry["answer"]),)

    def close(self) -> None:
        """Forget the question."""
        self._task, self._options, self._over = None, None, True

    def _known(self) -> tuple[_Task, _Options]:
        if self._task is None or self._options is None:
            raise EpisodeOver("there is no episode: call reset() first")
        return self._task, self._options


def answer_in(action: str) -> str:
    """What stands in the last ``<answer>`` that is closed, without white space around it; else the whole text."""
    end = action.rfind(_CLOSED)
    start = action.rfind(_OPENED, 0, max(0, end))
    return action.strip() if start < 0 else action[start + len(_OPENED) : end].strip()


def _made(options: _Options, seed: int) -> _Task:
    try:
        import reasoning_gym  # type: ignore[import-not-found] - an extra
    except ImportError as error:
        hint = "reasoning-gym is not installed here; install assay-server[reasoning]"
        raise InvalidOptions("task", hint) from error
    try:
        made = reasoning_gym.create_dataset(options.task, size=1, seed=seed % 2**32, **options.params)  # type: ignore[no-untyped-call] - as above
    except (TypeError, ValueError, AssertionError, LookupError) as error:
        raise InvalidOptions("params", f"{options.task} cannot be made: {error}") from error
    return cast("_Task", made)


def _read_options(given: Mapping[str, Json]) -> _Options:
    for name in given:
        if name not in ("task", "params", "attempts"):
            raise InvalidOptions(name, "unknown; there are task, params and attempts")
    task, params, attempts = given.get("task"), given.get("params", {}), given.get("attempts", 1)
    if not isinstance(task, str) or task not in SAFE_TASKS:
        hint = f"{str(task)[:80]!r} is none of the tasks whose scorers treat answers as text"
        raise InvalidOptions("task", f"{hint}: {', '.join(sorted(SAFE_TASKS))}")
    if not isinstance(params, dict) or {"seed", "size"} & set(params):
        raise InvalidOptions("params", "expected an object without seed and size, which are the episode's")
    if isinstance(attempts, bool) or not isinstance(attempts, int) or not 1 <= attempts <= MAX_ATTEMPTS:
        raise InvalidOptions("attempts", f"expected an integer from 1 to {MAX_ATTEMPTS}, got {attempts!r}")
    return _Options(task, params, attempts)


REASONING_GYM = EnvironmentDefinition(
    id="assay/reasoning_gym-v1",
    make=ReasoningGymEpisode,
    summary="Questions of reasoning-gym, scored by its own scorers.",
    options=OPTIONS_SCHEMA,
    aliases=("reasoning_gym",),
    doc=inspect.getdoc(ReasoningGymEpisode) or "",
)
