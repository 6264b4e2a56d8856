"""Rewards of programs: where the program is in a response, and what the sandbox's report is worth."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest

from assay.sdk import (
    Json,
    Lane,
    RewardDefinition,
    Sample,
    Score,
    SuiteReport,
    SuiteTest,
    Unscorable,
    Verdict,
)
from assay_server.rewards import builtin_catalogue
from assay_server.rewards.code_blocks import find_program
from assay_server.rewards.code_compiles import compiles, syntax
from assay_server.rewards.code_efficiency import efficiency
from assay_server.rewards.code_translation import translation
from assay_server.rewards.code_unit_tests import unit_tests

SUITE: dict[str, Json] = {"kind": "assert", "code": "assert f() == 1", "entryPoint": "f"}
PASSED = SuiteReport(True, 1.0, (SuiteTest("a", "PASSED", 0.1), SuiteTest("b", "PASSED", 0.1)))
HALF = SuiteReport(False, 0.5, (SuiteTest("a", "PASSED", 0.1), SuiteTest("b", "FAILED", 0.1, "2 is not 3")))


@dataclass
class Told:
    """Ports with this sandbox and nothing else."""

    reports: list[SuiteReport]
    asked: list[tuple[str, str, Mapping[str, Json]]] = field(default_factory=list[tuple[str, str, Mapping[str, Json]]])

    async def run_tests(self, language: str, source: str, suite: Mapping[str, Json]) -> SuiteReport:
        self.asked.append((language, source, suite))
        return self.reports.pop(0)

    @property
    def sandbox(self) -> Told:
        return self


def sample(response: str, **reference: Json) -> Sample:
    return Sample("r", response, {"suite": SUITE, **reference})


async def said(definition: RewardDefinition, told: Told, one: Sample, **parameters: object) -> Score:
    function = cast("Callable[..., Awaitable[Score]]", definition.function)
    return await function(one, told, **parameters)


@pytest.mark.parametrize(
    ("response", "language", "expected"),
    [
        ("```python\none\n```\ntext\n```python\ntwo\n```\n", "python", "two\n"),
        ("```python\none\n```\n```python\ntwo", "python", "one\n"),
        ("```python\none\n```\n```\nuntagged\n```", "python", "untagged\n"),
        ("```python\none\n```\nOutput:\n```text\n3\n```", "python", "one\n"),
        ("```cpp\none\n```\n```js\ntwo\n```", "python", "two\n"),
        ("```Python3 title=x\none\n```", "python", "one\n"),
        ("```{.python}\none\n```", "python", "one\n"),
        ("~~~py\none\n```\n~~~", "python", "one\n```\n"),
        ("````python\none\n```\ntwo\n````", "python", "one\n```\ntwo\n"),
        ("   ```python\n   one\n   ```", "python", "   one\n"),
        ("<think>```python\nno\n```</think>```python\nyes\n```", "python", "yes\n"),
        ("```python\n```", "python", ""),
        ("def f(): pass", "python", "def f(): pass"),
        ("```python\nnever closed", "python", None),
        ("<think>```python\nno\n```", "python", None),
        ("  \n", "python", None),
        ("", "python", None),
    ],
)
def test_the_program_is_the_last_complete_block_in_the_language(response: str, language: str, expected: str | None):
    found = find_program(response, language)
    assert (None if found is None else found.text) == expected
    if found is not None:
        assert response[found.start : found.end] == found.text


def test_a_response_without_a_fence_may_be_no_program():
    assert find_program("def f(): pass", "python", "none") is None


def test_finding_takes_linear_time():
    for text in ("```\n" * 20_000, "`" * 200_000, "~~~x\n" + " ``` \n" * 20_000, "```" + " " * 200_000):
        find_program(text, "python")


async def test_all_tests_or_their_fraction():
    told = Told([HALF, HALF, PASSED])
    score = await said(unit_tests, told, sample("```python\nx\n```"))
    assert (score.value, score.verdict, dict(score.components)) == (
        0.0,
        Verdict.INCORRECT,
        {"passed": 0.0, "fraction": 0.5},
    )
    assert score.evidence is not None
    assert (score.evidence.extracted, score.evidence.method, score.evidence.layer) == ("x\n", "fence", "tests")
    assert score.evidence.reason == "b: 2 is not 3"
    assert (await said(unit_tests, told, sample("```python\nx\n```"), credit="fraction")).value == 0.5
    assert (await said(unit_tests, told, sample("x"))).value == 1.0
    assert told.asked == [("python", "x\n", SUITE), ("python", "x\n", SUITE), ("python", "x", SUITE)]


async def test_a_response_without_a_program_is_wrong_and_nothing_is_run():
    told = Told([])
    for definition in (unit_tests, syntax, compiles, efficiency):
        score = await said(definition, told, sample("```python\nnever closed", solution="y"))
        assert (score.value, score.verdict) == (0.0, Verdict.INCORRECT)
    assert told.asked == []


async def test_the_language_is_the_references_or_the_parameters():
    told = Told([PASSED, PASSED])
    await said(unit_tests, told, sample("```c++\nx\n```", language="cpp"))
    await said(unit_tests, told, sample("```js\nx\n```"), language="javascript")
    assert [language for language, _, _ in told.asked] == ["cpp", "javascript"]


async def test_what_cannot_be_judged_is_no_score():
    shared: Json = {**SUITE, "isolation": "IN_PROCESS"}
    for one, reason in (
        (Sample("r", "x", {"answer": "1"}), "REFERENCE_MISSING"),
        (Sample("r", "x", {"suite": "assert"}), "REFERENCE_MISSING"),
        (sample("x", suite=shared), "IN_PROCESS_REFUSED"),
    ):
        with pytest.raises(Unscorable) as caught:
            await said(unit_tests, Told([]), one)
        assert caught.value.reason == reason
    assert (await said(unit_tests, Told([PASSED]), sample("x", suite=shared), allow_in_process=True)).value == 1.0


async def test_compiling_and_parsing_run_no_tests():
    told = Told([PASSED, HALF])
    assert (await said(syntax, told, sample("```c\nx\n```"), language="c")).value == 1.0
    assert (await said(compiles, told, sample("```c\nx\n```"), language="c")).value == 0.0
    assert told.asked == [
        ("c", "x\n", {"kind": "compile", "syntaxOnly": True}),
        ("c", "x\n", {"kind": "compile", "syntaxOnly": False}),
    ]


async def test_a_translation_is_in_the_target_language():
    told = Told([PASSED])
    assert (await said(translation, told, sample("```rs\nx\n```"), target="rust")).value == 1.0
    wrong = await said(translation, told, sample("```python\nx\n```"), target="rust")
    assert wrong.value == 0.0
    assert wrong.evidence is not None
    assert "in python, not in rust" in wrong.evidence.reason
    assert len(told.asked) == 1


async def test_efficiency_compares_with_the_reference():
    slow = SuiteReport(True, 1.0, (SuiteTest("a", "PASSED", 0.41),))
    fast = SuiteReport(True, 1.0, (SuiteTest("a", "PASSED", 0.2),))
    assert (await said(efficiency, Told([slow, fast]), sample("x", solution="y"))).value == pytest.approx(0.5)
    assert (await said(efficiency, Told([fast, slow]), sample("x", solution="y"))).value == 1.0
    assert (await said(efficiency, Told([HALF]), sample("x", solution="y"))).value == 0.0
    with pytest.raises(Unscorable):
        await said(efficiency, Told([fast, HALF]), sample("x", solution="y"))


def test_they_are_built_in_and_run_in_the_sandbox_lane():
    catalogue = builtin_catalogue()
    for name in ("code/unit-tests", "code/syntax", "code/compiles", "code/translation", "code/efficiency", "code"):
        assert catalogue.resolve(name).lane is Lane.SANDBOX
