"""What a worked case says of a rollout beside its reward, put where a member carries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from assay.sdk.samples import Json
from assay_server.estimators.canonical import canonical_key
from assay_server.estimators.case_values import given, mapping, number, text
from assay_server.estimators.groups import Member
from assay_server.estimators.rows import token_ids


class MemberColumns:
    """The columns that a method reads; structured strata are numbered in order of first appearance."""

    def __init__(self, reads: tuple[str, ...]) -> None:
        self._reads = reads
        self._strata: dict[bytes, int] = {}

    @property
    def needs_reward(self) -> bool:
        return "components" not in self._reads

    def read(self, member: Member, rollout: Mapping[str, Json], path: str) -> Member:
        """The member with its columns.

        Raises:
            InputError: one is missing or of the wrong type.
        """
        for name in self._reads:
            member = self._with(member, name, given(rollout, name, f"{path}."), f"{path}.{name}")
        return member

    def _with(self, member: Member, name: str, value: Json, field: str) -> Member:
        if name == "components":
            items = mapping(value, field).items()
            return replace(member, components={key: number(item, f"{field}.{key}") for key, item in items})
        if name == "answer_key":
            return replace(member, answer_key="" if value is None else text(value, field))
        if name == "tokens":
            return replace(member, signals={"token_ids": token_ids(value, field)})
        if name == "budget":
            return replace(member, signals={"budget": number(value, field)})
        assert name == "stratum"
        code = self._strata.setdefault(canonical_key(value), len(self._strata))
        return replace(member, signals={"stratum": float(code)})
