"""Rewards of queries, against real databases in real workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay import Rollout, Step
from assay.sdk import Json
from assay_server.config import Settings
from assay_server.embedded import Engine
from assay_server.rewards.sql_reading import find_sql
from tests.server.execution.sql.shops import LONG_CALLS, make_shop

REFERENCE = "SELECT name FROM product WHERE price > 40 ORDER BY price"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shop(tmp_path_factory.mktemp("shop") / "shop.sqlite")


@pytest.fixture(scope="module")
def engine(shop: Path) -> Iterator[Engine]:
    catalogue = shop.with_name("databases.toml")
    catalogue.write_text('[databases.shop]\npath = "shop.sqlite"\n', encoding="utf-8")
    with Engine(Settings(store="memory:", databases=catalogue, sql_workers=1)) as engine:
        yield engine


@pytest.mark.parametrize(
    ("response", "sql", "method"),
    [
        ("```sql\nSELECT 1\n```\nor\n```sql\nSELECT 2\n```", "SELECT 2", "fence"),
        ("```\nSELECT 1\n```", "SELECT 1", "fence"),
        ("```sql\nSELECT 1\n```\n```python\nx\n```", "SELECT 1", "fence"),
        ("SELECT 1", "SELECT 1", "whole_text"),
        ("<think>SELECT 0</think>SELECT 1", "SELECT 1", "whole_text"),
        ("<think>a</think><answer>SELECT 1</answer>", "SELECT 1", "answer_tag"),
        ("so <sql> SELECT a < b FROM t </sql>", "SELECT a < b FROM t", "answer_tag"),
    ],
)
def test_the_query_is_found(response: str, sql: str, method: str) -> None:
    block = find_sql(response)
    assert block is not None
    assert (block.text.strip(), block.method) == (sql, method)
    assert response[block.start : block.end] == block.text


@pytest.mark.parametrize("response", ["", "  \n", "```sql\nSELECT 1", "<think>SELECT 1"])
def test_where_there_is_none_none_is_found(response: str) -> None:
    assert find_sql(response) is None


def test_finding_is_linear_in_hostile_text() -> None:
    for text in ("<answer>" * 50_000, "<sql>x" * 50_000, "```" * 50_000, "<" * 200_000):
        find_sql(text)


def scored(
    engine: Engine, response: str, reference: dict[str, Json], params: dict[str, Json] | None = None
) -> tuple[float, str]:
    """The value with the evidence's reason, or -1 with the error's."""
    rollout = Rollout("r1", steps=[Step(action=response)], reference=reference)
    (result,) = engine.score([rollout], "sql/execution", params)
    if result.score is None:
        assert result.error is not None
        return -1.0, result.error.reason
    return result.score.value, result.score.evidence["sql/execution"].reason


def test_queries_are_compared_by_what_they_answer(engine: Engine) -> None:
    reference: dict[str, Json] = {"sql": REFERENCE, "database": "shop"}
    right = "```sql\nSELECT p.name FROM product AS p WHERE NOT p.price <= 40 ORDER BY p.price ASC\n```"
    assert scored(engine, right, reference) == (1.0, "equal on the database and 4 neighbours")
    unordered = "SELECT name FROM product WHERE price > 40 ORDER BY price DESC"
    assert scored(engine, unordered, reference) == (0.0, "the rows come in another order")
    assert scored(engine, unordered, reference, {"rows": "bag"})[0] == 1.0
    lucky = "SELECT name FROM product WHERE product_id > 3 ORDER BY product_id"
    assert scored(engine, lucky, reference)[0] == 0.0
    assert scored(engine, lucky, reference, {"neighbours": 0})[0] == 1.0


def test_what_the_query_does_wrong_is_wrong(engine: Engine) -> None:
    reference: dict[str, Json] = {"sql": REFERENCE, "database": "shop"}
    assert scored(engine, "SELEC name", reference) == (0.0, 'syntax: near "SELEC": syntax error')
    assert scored(engine, "DELETE FROM product", reference) == (0.0, "refused: not authorized")
    assert scored(engine, "", reference) == (0.0, "no query found")
    assert scored(engine, LONG_CALLS["instr"], reference, {"timeout": 0.2}) == (0.0, "timeout: not done within 0.2 s")
    assert scored(engine, f"SELECT '{'x' * 200_000}'", reference)[0] == 0.0


def test_what_is_not_the_querys_fault_is_an_error(engine: Engine, shop: Path) -> None:
    broken: dict[str, dict[str, Json]] = {
        "REFERENCE_FAILED": {"sql": "SELECT nothing", "database": "shop"},
        "UNKNOWN_DATABASE": {"sql": "SELECT 1", "database": "..\0"},
        "DATABASE_UNAVAILABLE": {"sql": "SELECT 1", "database": str(shop.with_name("databases.toml"))},
        "REFERENCE_MISSING": {"sql": "SELECT 1"},
    }
    for reason, reference in broken.items():
        assert scored(engine, "SELECT 1", reference) == (-1.0, reason)
    fine: dict[str, Json] = {"sql": REFERENCE, "database": "shop"}
    for params in ({"neighbours": -1}, {"timeout": 0.0}, {"tolerance": 2.0}):
        assert scored(engine, "SELECT 1", fine, {**params}) == (-1.0, "INVALID_PARAMETER")


def test_a_query_that_the_items_clock_ends_has_failed_by_itself(engine: Engine) -> None:
    rollout = Rollout("r1", steps=[Step(action=LONG_CALLS["instr"])], reference={"sql": REFERENCE, "database": "shop"})
    (result,) = engine.score([rollout], "sql/execution", execution_timeout=5.0)
    assert result.score is not None
    assert result.score.value == 0.0


def parts_of(engine: Engine, response: str, params: dict[str, Json] | None = None) -> tuple[float, dict[str, float]]:
    """The value of ``sql/partial`` with its parts."""
    rollout = Rollout("r1", steps=[Step(action=response)], reference={"sql": REFERENCE, "database": "shop"})
    (result,) = engine.score([rollout], "sql/partial", params)
    assert result.score is not None
    named = {name.removeprefix("sql/partial/"): value for name, value in result.score.components.items()}
    return result.score.value, named


def test_a_right_query_has_all_parts(engine: Engine) -> None:
    value, parts = parts_of(engine, f"```sql\n{REFERENCE}\n```")
    assert value == 1.0
    alike = ("format", "syntax", "executes", "tables", "columns", "schema", "ngram", "structure", "execution")
    assert all(parts[name] == 1.0 for name in alike)
    assert (parts["judge"], parts["efficiency"]) == (0.0, 0.0)
    _, parts = parts_of(engine, f"```sql\n{REFERENCE} \n```", {"repeats": 5})
    assert 0.0 < parts["efficiency"] <= 1.0


def test_a_wrong_query_has_some(engine: Engine) -> None:
    value, parts = parts_of(engine, "SELECT name FROM product ORDER BY price")
    assert (parts["format"], parts["syntax"], parts["executes"], parts["execution"]) == (0.0, 1.0, 1.0, 0.0)
    assert (parts["schema"], parts["tables"], parts["columns"]) == (1.0, 1.0, 1.0)
    assert 0.0 < parts["ngram"] < 1.0
    assert value == pytest.approx((1.0 + parts["schema"] + parts["ngram"]) / 7.0)
    weighted, _ = parts_of(engine, "SELECT name FROM product ORDER BY price", {"weights": {"tables": 2.0}})
    assert weighted == 1.0


def test_a_broken_query_has_few(engine: Engine) -> None:
    _, parts = parts_of(engine, "SELECT nam FROM product")
    assert (parts["syntax"], parts["executes"], parts["tables"], parts["columns"]) == (1.0, 0.0, 1.0, 0.0)
    value, parts = parts_of(engine, "what a question")
    assert (parts["syntax"], parts["executes"], parts["tables"]) == (0.0, 0.0, 0.0)
    assert value < 0.1
    assert parts_of(engine, "") == (0.0, dict.fromkeys(parts, 0.0))
    assert parts_of(engine, LONG_CALLS["instr"], {"timeout": 0.2})[1]["executes"] == 0.0


def test_weights_that_make_no_sense_are_refused(engine: Engine) -> None:
    rollout = Rollout("r1", steps=[Step(action="SELECT 1")], reference={"sql": REFERENCE, "database": "shop"})
    for weights in ({"speed": 1.0}, {"execution": -1.0}, {"judge": 1.0}, {}):
        (result,) = engine.score([rollout], "sql/partial", {"weights": {**weights}})
        assert result.error is not None
        assert result.error.reason == "INVALID_PARAMETER"


def test_equal_answers_have_equal_keys(engine: Engine) -> None:
    lucky = "SELECT name FROM product WHERE product_id > 3 ORDER BY product_id"
    queries = [REFERENCE, f"{REFERENCE} ", "SELECT 'x'", "SELECT 'x' AS y", "SELEC", lucky]
    reference: dict[str, Json] = {"sql": REFERENCE, "database": "shop"}
    rollouts = [Rollout(str(at), steps=[Step(action=sql)], reference=reference) for at, sql in enumerate(queries)]
    keys = [result.score.answer_key for result in engine.score(rollouts, "sql") if result.score is not None]
    assert keys[0] == keys[1] != ""
    assert keys[2] == keys[3] != keys[0]
    assert keys[4] == ""
    assert keys[5] not in ("", keys[0])
