"""When a judge is asked about a query, and what its answer adds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from assay.sdk import Json, JudgeRequest, JudgeVerdict, Sample, Score, SqlComparison, SqlVerdict, Unscorable
from assay_server.rewards.sql_partial import partial

RIGHT = SqlVerdict(True, parts={"syntax": 1.0, "schema": 1.0, "ngram": 1.0}, key="k")
WRONG = SqlVerdict(False, reason="3 rows, not 2", parts={"syntax": 1.0, "schema": 0.5, "ngram": 0.25})
BROKEN = SqlVerdict(False, "syntax", "near FORM", "query")
QUERY = "```sql\nSELECT name FROM city\n```"


@dataclass
class Told:
    """Ports with these databases and this judge."""

    verdict: SqlVerdict
    share: Json = 0.5
    asked: list[JudgeRequest] = field(default_factory=list[JudgeRequest])

    async def compare(self, comparison: SqlComparison) -> SqlVerdict:
        assert comparison.parts
        return self.verdict

    async def ask(self, request: JudgeRequest) -> JudgeVerdict:
        self.asked.append(request)
        return JudgeVerdict({"rationale": "because", "share": self.share}, "judge-1", False, 10, 5)

    @property
    def sql(self) -> Told:
        return self

    @property
    def judge(self) -> Told:
        return self


async def said(told: Told, response: str = QUERY, **parameters: object) -> Score:
    function = cast("Callable[..., Awaitable[Score]]", partial.function)
    reference: dict[str, Json] = {"sql": "SELECT name FROM town", "database": "d"}
    return await function(Sample("r", response, reference, prompt="Which towns?"), told, **parameters)


async def test_a_wrong_query_gets_the_judges_share_on_top() -> None:
    told = Told(WRONG)
    without, judged = await said(told), await said(told, judge="strict")
    assert (without.components["judge"], judged.components["judge"]) == (0.0, 0.5)
    assert without.value == pytest.approx((1.0 + 0.5 + 0.25 + 1.0) / 7)  # syntax, schema, ngram, format; execution 3
    assert judged.value == pytest.approx(without.value + 2 * 0.5 / 7)  # its weight is not in the denominator
    (request,) = told.asked
    assert request.endpoint == "strict"
    for text in ("SELECT name FROM city", "SELECT name FROM town", "Which towns?"):
        assert text in str(request)


@pytest.mark.parametrize(
    ("verdict", "response", "parameters"),
    [
        (RIGHT, QUERY, {"judge": "strict"}),
        (WRONG, QUERY, {}),
        (WRONG, QUERY, {"judge": "strict", "weights": {"execution": 1.0, "judge": 0.0}}),
        (WRONG, "```sql\nSELECT 1", {"judge": "strict"}),
    ],
)
async def test_nobody_asks_about_a_query_that_is_right_or_absent_or_not_to_be_judged(
    verdict: SqlVerdict, response: str, parameters: dict[str, object]
) -> None:
    told = Told(verdict)
    assert (await said(told, response, **parameters)).components["judge"] == 0.0
    assert told.asked == []


async def test_a_query_that_does_not_run_is_judged_too() -> None:
    score = await said(told := Told(BROKEN, share=1), judge="strict")
    assert (score.components["executes"], score.components["judge"]) == (0.0, 1.0)
    assert len(told.asked) == 1


async def test_a_share_out_of_bounds_is_cut() -> None:
    assert (await said(Told(WRONG, share=7), judge="strict")).components["judge"] == 1.0
    assert (await said(Told(WRONG, share=-1.0), judge="strict")).components["judge"] == 0.0


@pytest.mark.parametrize("share", ["0.5", None, True, float("nan"), float("inf")])
async def test_what_is_no_number_is_no_score(share: Json) -> None:
    with pytest.raises(Unscorable, match="gave no number"):
        await said(Told(WRONG, share=share), judge="strict")
