from __future__ import annotations

from pathlib import Path

from assay_server.rewards import builtin_catalogue
from assay_server.rewards.computations import COMPUTATIONS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "rewards.md").read_text(encoding="utf-8")


def test_the_page_names_every_reward_alias_parameter_and_formula() -> None:
    names = set(COMPUTATIONS)
    for definition in builtin_catalogue().definitions():
        names |= {definition.id, *definition.aliases, *(parameter.name for parameter in definition.parameters)}
    assert [name for name in sorted(names) if f"`{name}`" not in PAGE] == []
