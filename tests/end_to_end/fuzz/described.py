"""Requests that the HTTP door's own description allows, and such as it forbids."""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportMissingTypeArgument=false, reportUnknownMemberType=false
# (schemathesis leaves the parameters of its generic classes open)

from __future__ import annotations

from typing import Final, cast

import schemathesis
import schemathesis.openapi
from hypothesis import Phase, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, CheckContext, CheckFunction
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import negative_data_rejection

from .generated import UNWELL

_STATES: Final = frozenset({"/readyz", "/sandboxz"})
"""Whose 503 says how things stand, and is no failure."""

HELD: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
"""Checks of schemathesis that hold. That all which fits the schema is taken does not: an id must also be there."""


def misfits_are_refused(context: CheckContext, response: Response, case: Case) -> bool | None:
    """What does not fit the schema is refused; but in a field null stands for nothing, and no schema says that."""
    return None if _holds_null(case.body) else negative_data_rejection(context, response, case)


def _holds_null(value: object) -> bool:
    if isinstance(value, dict):
        return any(member is None or _holds_null(member) for member in value.values())
    return isinstance(value, list) and any(map(_holds_null, value))


def try_description(base: str, token: str, examples: int, number: int) -> int:
    """Send what the door's own description allows, and what it forbids; how many requests it were."""
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_url(f"{base}/openapi.json", headers=headers)
    checks = [*cast("list[CheckFunction]", CHECKS.get_by_names(HELD)), misfits_are_refused]
    sent = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path in _STATES:
            continue
        asks = bool(operation.body) or any(True for _ in operation.iter_parameters())
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE) if asks else (GenerationMode.POSITIVE,):

            @seed(number)
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=UNWELL,
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def one(case: Case) -> None:
                nonlocal sent
                sent += 1
                case.call_and_validate(base_url=base, headers=headers, checks=checks, timeout=60.0)

            one()
    return sent
