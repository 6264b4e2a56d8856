"""Rewards of episodes and programs from what they were seen to do: goals, tests, returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from assay.sdk.samples import Json
from assay_server.estimators.case_values import boolean, given, listed, number, text
from assay_server.estimators.declared import Outputs, method, table
from assay_server.estimators.definition import require
from assay_server.estimators.errors import InputError
from assay_server.estimators.rows import column_of, number_in, whole_number

_FULL_REWARD = 10.0
_STATUSES = ("elaborated", "failed", "timeout", "unparseable")


@method(
    "reward/alfworld_success-v1",
    reach="sample",
    inputs="won; goal_condition_rate with multimodal",
    formula="10 if won else 0; with multimodal + the share of goal conditions that are met",
    edges="goal_condition_rate outside [0, 1]: refused. ScienceWorld is the same without multimodal.",
    source="ALFWorld, ScienceWorld (GiGPO)",
)
def alfworld_success(inputs: Mapping[str, Json], *, multimodal: bool = False) -> Outputs:
    """A household task that was done."""
    won = _FULL_REWARD if boolean(given(inputs, "won"), "won") else 0.0
    return {"reward": won + (number_in(inputs, "goal_condition_rate", 0.0, 1.0) if multimodal else 0.0)}


@method(
    "reward/webshop_success-v1",
    reach="sample",
    inputs="done, task_score",
    formula="10 if done and task_score = 1 else 0",
    edges="task_score outside [0, 1]: refused; it is returned too.",
    source="WebShop (GiGPO)",
)
def webshop_success(inputs: Mapping[str, Json]) -> Outputs:
    """A purchase that is all that was asked for."""
    done, score = boolean(given(inputs, "done"), "done"), number_in(inputs, "task_score", 0.0, 1.0)
    return {"task_score": score, "reward": _FULL_REWARD if done and score == 1.0 else 0.0}


@method(
    "reward/state_tests-v1",
    reach="sample",
    inputs="tests: whether each passed; exec_failures, missing_code: how many",
    formula="max(0, passes / tests - exec_penalty exec_failures - code_penalty missing_code); sparse: 1 if all passed",
    edges="No tests: refused.",
    source="LOOP (AppWorld)",
)
def state_tests(
    inputs: Mapping[str, Json], *, exec_penalty: float = 0.0, code_penalty: float = 0.0, sparse: bool = False
) -> Outputs:
    """Tests of the state that an episode left behind."""
    require(exec_penalty >= 0.0, "exec_penalty", "a number >= 0", exec_penalty)
    require(code_penalty >= 0.0, "code_penalty", "a number >= 0", code_penalty)
    tests = _flags(inputs, "tests")
    failures, missing = whole_number(inputs, "exec_failures"), whole_number(inputs, "missing_code")
    share = sum(tests) / len(tests)
    reward = float(all(tests)) if sparse else max(0.0, share - exec_penalty * failures - code_penalty * missing)
    return {"tests": list(tests), "exec_failures": failures, "missing_code": missing, "reward": reward}


@method(
    "verify/code_tests-v1",
    reach="sample",
    inputs="tests: whether each passed; timeouts: how many of them ran out of time, may be left out",
    formula="1 if all passed else 0; credit=fraction: the share that passed",
    edges="No tests: refused. One timeout skips no other test.",
    source="PF-PPO, Posterior-GRPO, CGPO, RA3",
)
def code_tests(inputs: Mapping[str, Json], *, credit: Literal["all", "fraction"] = "all") -> Outputs:
    """A program's verdict from its tests; code/unit-tests runs them."""
    tests = _flags(inputs, "tests")
    timeouts = whole_number(inputs, "timeouts") if "timeouts" in inputs else 0
    share = sum(tests) / len(tests)
    return {
        "tests": list(tests),
        "fraction": share,
        "all_pass": all(tests),
        "timeouts": timeouts,
        "reward": share if credit == "fraction" else float(all(tests)),
    }


@method(
    "verify/code_translation-v1",
    reach="sample",
    inputs="source_language, target_language, language: that the program is in; tests: whether each passed",
    formula="1 if all tests passed in the target language, else 0",
    edges="No tests: refused. A program in another language: 0.",
    source="OORL / GEPO",
)
def code_translation(inputs: Mapping[str, Json]) -> Outputs:
    """A translation passes the tests of its original; code/translation runs them."""
    source, target, found = (
        text(given(inputs, name), name) for name in ("source_language", "target_language", "language")
    )
    tests = _flags(inputs, "tests")
    return {"from": source, "to": target, "reward": float(all(tests) and found == target)}


@method(
    "verify/lean_proof-v1",
    reach="sample",
    inputs="status: elaborated, failed, timeout or unparseable; trailing_text after the closing fence, may be left out",
    formula="1 if elaborated, else 0",
    edges="trailing=refused: text after the fence is a failure. A timeout is 0, with its status.",
    source="Rewarding the Unlikely",
)
def lean_proof(inputs: Mapping[str, Json], *, trailing: Literal["allowed", "refused"] = "allowed") -> Outputs:
    """A proof's verdict from what Lean said; proof/lean runs it."""
    status = text(given(inputs, "status"), "status")
    if status not in _STATUSES:
        raise InputError("status", f"expected one of {', '.join(_STATUSES)}, got {status!r}")
    after = boolean(inputs.get("trailing_text", False), "trailing_text") and trailing == "refused"
    return {"status": "failed" if after else status, "reward": float(status == "elaborated" and not after)}


@method(
    "verify/program_return-v1",
    reach="sample",
    inputs="returns: of the submitted policy, one per seed",
    formula="mean return",
    edges="No returns: refused.",
    source="IPP (Code-Driven Planning in Grid Worlds)",
)
def program_return(inputs: Mapping[str, Json]) -> Outputs:
    """A program that plays is worth what it earns; code/policy runs it."""
    returns = column_of(inputs, "returns")
    if not len(returns):
        raise InputError("returns", "expected at least one")
    return {"metrics": {"mean": float(returns.mean()), "seeds": len(returns)}, "reward": float(returns.mean())}


@method(
    "verify/simulation-v1",
    reach="sample",
    inputs="values: of a portfolio, one per day, all positive",
    formula="return = last / first - 1; drawdown = max over days of 1 - value / highest so far; sortino = mean of the "
    "daily returns over the root of the mean squared negative ones",
    edges="Fewer than two days: refused. No loss: sortino null. Metrics are a dictionary, never one number.",
    source="StockBench",
)
def simulation(inputs: Mapping[str, Json]) -> Outputs:
    """An episode of trading in several numbers."""
    values = column_of(inputs, "values", np.nextafter(0.0, 1.0))
    if len(values) < 2:
        raise InputError("values", "expected at least two days")
    daily = np.diff(values) / values[:-1]
    downside = float(np.sqrt((np.minimum(daily, 0.0) ** 2).mean()))
    drawdown = float((1.0 - values / np.maximum.accumulate(values)).max())
    metrics: dict[str, Json] = {
        "return": float(values[-1] / values[0] - 1.0),
        "drawdown": drawdown,
        "sortino": float(daily.mean()) / downside if downside > 0.0 else None,
    }
    return {"metrics": metrics}


@method(
    "verify/solver-v1",
    reach="sample",
    inputs="objective of the model's program (null: none), optimum, feasible; timed_out, may be left out",
    formula="1 if feasible and |objective - optimum| <= tolerance max(1, |optimum|), else 0",
    edges="status: timeout, infeasible or feasible; a timeout earns 0 under its own name.",
    source="AlphaOPT",
)
def solver(inputs: Mapping[str, Json], *, tolerance: float = 1e-6) -> Outputs:
    """An optimisation program by the objective that it reaches."""
    require(tolerance >= 0.0, "tolerance", "a number >= 0", tolerance)
    optimum = number_in(inputs, "optimum")
    feasible = boolean(given(inputs, "feasible"), "feasible")
    if boolean(inputs.get("timed_out", False), "timed_out"):
        return {"status": "timeout", "reward": 0.0}
    if not feasible or inputs.get("objective") is None:
        return {"status": "infeasible", "reward": 0.0}
    gap = abs(number(inputs["objective"], "objective") - optimum)
    return {"status": "feasible", "gap": gap, "reward": float(gap <= tolerance * max(1.0, abs(optimum)))}


OUTCOME_METHODS = table(
    alfworld_success,
    webshop_success,
    state_tests,
    code_tests,
    code_translation,
    lean_proof,
    program_return,
    simulation,
    solver,
)


def _flags(inputs: Mapping[str, Json], name: str) -> list[bool]:
    found = [boolean(value, f"{name}[{place}]") for place, value in enumerate(listed(inputs, name))]
    if not found:
        raise InputError(name, "expected at least one")
    return found
