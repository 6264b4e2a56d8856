"""Files of the operator's: decorated definitions, and functions written for verl and TRL, unchanged."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from assay.sdk import Json, Lane, PluginDefinition, RewardDefinition, Sample, Score, Unscorable
from assay_server.execution.plugin_files import BrokenPlugin, load_plugin_file

FOREIGN = Path(__file__).parent / "plugins" / "foreign.py"


def definition_of(name: str) -> RewardDefinition:
    ((definition, names),) = load_plugin_file(f"{FOREIGN}:{name}")
    assert isinstance(definition, RewardDefinition)
    assert names == (f"{FOREIGN}:{name}",)
    assert definition.lane is Lane.CPU
    return definition


async def said(name: str, sample: Sample) -> Score:
    outcome = definition_of(name).function(sample)
    return await outcome if inspect.isawaitable(outcome) else outcome


def sample(response: str = "so\n#### 18", extra: Mapping[str, Json] | None = None) -> Sample:
    row: dict[str, Json] = {"data_source": "openai/gsm8k", "extra_info": {"index": 7, "split": "test"}}
    tokens = np.arange(5, dtype=np.int32)
    given = row if extra is None else extra
    return Sample("r", response, {"answer": "18"}, prompt="2 * 9?", extra=given, signals={"token_ids": tokens})


@pytest.mark.parametrize(
    ("name", "response", "value", "components"),
    [
        ("compute_score", "so\n#### 18", 1.0, {}),
        ("compute_score", "so\n#### 17", 0.0, {}),
        ("gsm8k_score", "#### 18", 1.0, {}),
        ("gsm8k_score", "eighteen", 0.0, {}),
        ("with_details", "#### 18", 1.0, {"acc": 1.0, "turns": 2.0}),
        ("with_details", "#### 1", -1.0, {"acc": 0.0, "turns": 2.0}),
        ("reads_extra_info", "", 9.0, {}),
        ("any_keywords", "", 0.5, {}),
        ("compute_score_async", "18", 1.0, {}),
        ("compute_score_batch", "18", 1.0, {}),
        ("compute_score_batch", "17", 0.0, {}),
    ],
)
async def test_verl_functions_run_unchanged(
    name: str, response: str, value: float, components: dict[str, float]
) -> None:
    score = await said(name, sample(response))
    assert score.value == value
    assert dict(score.components) == components


async def test_texts_of_a_verl_dict_are_evidence() -> None:
    score = await said("with_details", sample("#### 17"))
    assert score.evidence is not None
    assert dict(score.evidence.detail) == {"pred": "17"}


@pytest.mark.parametrize(
    ("name", "response", "extra", "value"),
    [
        ("reward_len", "x" * 18, {}, -2.0),
        ("reward_func", "x", {}, 5.0),
        ("format_reward_func", "<think>a</think><answer>b</answer>", {"conversational": True}, 1.0),
        ("format_reward_func", "b", {"prompt": [{"role": "user", "content": "2 * 9?"}]}, 0.0),
        ("correctness_func", "\\boxed{18}", {"ground_truth": "18"}, 1.0),
        ("correctness_func", "18", {"ground_truth": "18"}, 0.0),
        ("math_reward_func", "it is 18", {"ground_truth": "18", "task": "math"}, 1.0),
        ("async_reward_func", "", {}, 6.0),
        ("logs", "", {}, 0.25),
        ("with_state", "", {}, 1.0),
    ],
)
async def test_trl_functions_run_unchanged(name: str, response: str, extra: dict[str, Json], value: float) -> None:
    assert (await said(name, sample(response, extra))).value == value


@pytest.mark.parametrize(
    ("name", "extra", "reason", "words"),
    [
        ("math_reward_func", {"ground_truth": "18", "task": "code"}, "NOT_APPLICABLE", "does not apply"),
        ("correctness_func", {}, "MISSING_COLUMN", "ground_truth"),
        ("two_for_one", {}, "REWARD_FAILED", "2 rewards for one"),
        ("no_score_in_dict", {}, "REWARD_FAILED", "no 'score'"),
        ("text_score", {}, "REWARD_FAILED", "got a str"),
    ],
)
async def test_what_is_no_number_is_no_score(name: str, extra: dict[str, Json], reason: str, words: str) -> None:
    with pytest.raises(Unscorable, match=words) as raised:
        await said(name, sample("x", extra))
    assert raised.value.reason == reason


async def test_a_verl_function_without_a_ground_truth_cannot_score() -> None:
    with pytest.raises(Unscorable, match="ground truth"):
        await said("compute_score", Sample("r", "#### 18"))


@pytest.mark.parametrize("name", ["ground_truth", "answer"])
async def test_the_ground_truth_has_several_names(name: str) -> None:
    given = Sample("r", "#### 18", {name: "18"}, task_type="openai/gsm8k")
    assert (await said("compute_score", given)).value == 1.0
    nested = Sample("r", "#### 18", {"reward_model": {"ground_truth": "18"}}, task_type="openai/gsm8k")
    assert (await said("compute_score", nested)).value == 1.0


def test_the_digest_covers_the_whole_file(tmp_path: Path) -> None:
    digests: set[str] = set()
    for helper in ("1.0", "2.0"):
        file = tmp_path / "mine.py"
        file.write_text(
            f"def compute_score(solution_str, ground_truth): return other()\ndef other(): return {helper}\n"
        )
        ((definition, _),) = load_plugin_file(f"{file}:compute_score")
        digests.add(definition.digest)
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("x = 1", "", "nothing in it is declared"),
        ("import no_such_module_at_all", "", "no_such_module_at_all"),
        ("def f(:\n  pass", "", "SyntaxError"),
        ("import sys\nsys.exit(3)", "", "SystemExit"),
        ("def compute_scores(): pass", "compute_score", "did you mean compute_scores"),
        ("compute_score = 3", "compute_score", "no function 'compute_score'"),
        ("def f(a, b): return 1", "f", r"f\(a, b\) is neither"),
        (
            "from assay.sdk import *\n@reward('X', bounds=(0, 1))\ndef mine(sample): return Score(1.0)",
            "",
            r"mine\(sample\)",
        ),
        (
            "from assay.sdk import *\n@reward('a/b-v1', bounds=(0, 1))\ndef mine(sample, *, n): return Score(1.0)",
            "",
            "'n' has no type annotation",
        ),
    ],
)
def test_a_broken_file_is_told_with_the_line_at_fault(tmp_path: Path, text: str, name: str, words: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)
    with pytest.raises(BrokenPlugin, match=words) as raised:
        load_plugin_file(f"{file}:{name}" if name else str(file))
    assert str(file) in str(raised.value)


def test_a_file_that_is_not_there_is_broken(tmp_path: Path) -> None:
    with pytest.raises(BrokenPlugin, match="no such file"):
        load_plugin_file(str(tmp_path / "nothing.py"))


def test_all_kinds_of_definitions_are_found_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "kinds.py"
    file.write_text(
        "from assay.sdk import *\n"
        "@reward('a/r-v1', bounds=(0, 1))\ndef r(sample): return Score(1.0)\n"
        "@selector('a/s-v1')\ndef s(group): return ''\n"
        "again = s\n"
    )
    found = [definition for definition, _ in load_plugin_file(str(file))]
    assert [type(definition) for definition in found] == [RewardDefinition, PluginDefinition]
