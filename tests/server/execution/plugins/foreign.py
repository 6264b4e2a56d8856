"""Reward functions as verl's and TRL's documentation has them written. Loaded as a plugin by the tests."""

# pyright: reportUnknownParameterType=false, reportMissingParameterType=false, reportUnknownVariableType=false
# pyright: reportOptionalCall=false, reportUnknownArgumentType=false, reportMissingTypeArgument=false, reportUnknownLambdaType=false
# ruff: noqa: ANN001, ANN003, ANN204, ARG001, ARG002 - functions of other libraries, as their documentation has them
from __future__ import annotations

import asyncio
import re

import numpy as np

# ---------------------------------------------------------------- verl


def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    """The signature of verl's custom reward functions."""
    if data_source == "openai/gsm8k":
        return 1.0 if extract_solution(solution_str) == ground_truth else 0.0
    raise NotImplementedError(f"Reward function is not implemented for {data_source=}")


def extract_solution(solution_str):
    found = re.findall(r"#### (\-?[0-9\.\,]+)", solution_str)
    return found[-1].replace(",", "") if found else None


def gsm8k_score(solution_str, ground_truth, method="strict", format_score=0.0, score=1.0):
    """The shape of verl.utils.reward_score modules."""
    answer = extract_solution(solution_str)
    if answer is None:
        return 0
    return score if answer == ground_truth else format_score


def with_details(data_source, solution_str, ground_truth, extra_info=None):
    """A dict: score and more, as the math modules return it."""
    answer = extract_solution(solution_str)
    right = answer == ground_truth
    return {"score": 1.0 if right else -1.0, "acc": right, "pred": answer, "turns": np.float32(2), "none": None}


def reads_extra_info(data_source, solution_str, ground_truth, extra_info):
    """Everything of the row."""
    return float(extra_info["index"]) + extra_info["split"].count("t")


def any_keywords(data_source, solution_str, ground_truth, extra_info, **kwargs):
    return (np.float64(0.5), "why")


async def compute_score_async(data_source, solution_str, ground_truth, extra_info):
    await asyncio.sleep(0)
    return {"score": float(solution_str.endswith(ground_truth))}


def compute_score_batch(data_sources, solution_strs, ground_truths, extra_infos):
    """The batch reward manager's."""
    return [float(a.endswith(b)) for a, b in zip(solution_strs, ground_truths, strict=True)]


def no_score_in_dict(data_source, solution_str, ground_truth, extra_info=None):
    return {"acc": 1.0}


def text_score(data_source, solution_str, ground_truth, extra_info=None):
    return "1.0"


# ---------------------------------------------------------------- TRL


def reward_len(completions, **kwargs):
    """The first example of TRL's documentation."""
    return [-abs(20 - len(completion)) for completion in completions]


def reward_func(prompts, completions, completion_ids, trainer_state, **kwargs):
    """Longer completions, by tokens; less so as training goes on."""
    return [float(len(ids)) / (1 + trainer_state.global_step) for ids in completion_ids]


def format_reward_func(completions, **kwargs):
    """Conversational format."""
    pattern = r"^<think>.*?</think><answer>.*?</answer>$"
    contents = [completion[0]["content"] for completion in completions]
    return [1.0 if re.match(pattern, content) else 0.0 for content in contents]


def correctness_func(completions, ground_truth, **kwargs):
    """With a column of the dataset."""
    matches = [re.search(r"\\boxed\{(.*?)\}", completion) for completion in completions]
    contents = [match.group(1) if match else "" for match in matches]
    return [1.0 if c == gt else 0.0 for c, gt in zip(contents, ground_truth, strict=True)]


def math_reward_func(prompts, completions, ground_truth, task, **kwargs):
    """One of several tasks: None for the others."""
    return [
        (1.0 if truth in completion else -1.0) if kind == "math" else None
        for truth, completion, kind in zip(ground_truth, completions, task, strict=True)
    ]


async def async_reward_func(prompts, completions, **kwargs):
    await asyncio.sleep(0)
    return [float(len(prompt)) for prompt in prompts]


def logs(completions, log_extra=None, log_metric=None, **kwargs):
    log_extra("seen", list(completions))
    log_metric("count", len(completions))
    return np.array([0.25])


def two_for_one(completions, **kwargs):
    return [1.0, 2.0]


class WithState:
    """A callable object."""

    def __call__(self, completions, **kwargs):
        return [1.0 for _ in completions]


with_state = WithState()


def neither(a, b):
    return 0.0
