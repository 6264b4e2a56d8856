"""What episodes ask judges, and what is there to be asked: declared here, answered by the server.

A question and its verdict are JSON, so that both can be sent and the verdict be recorded with the action.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from assay.sdk import Json, Sample
from assay_server.environments.protocol import EnvironmentFault, InvalidOptions
from assay_server.rewards.hacking_grader_directed_text import grader_directed_text

QUESTION = '{"question": '
"""How a request begins that is a question to a judge."""
LONGEST_QUESTION = 2000


@dataclass(frozen=True, slots=True)
class Reach:
    """What episodes of a process can ask of the outside.

    Attributes:
        programs: whether what policies write is run.
        judges: names of the operator's catalogue.
    """

    programs: bool = False
    judges: tuple[str, ...] = ()

    def require_programs(self, option: str) -> None:
        """Raises InvalidOptions where no programs are run."""
        if not self.programs:
            raise InvalidOptions(
                option, "programs are not run here: start the server with ASSAY_SANDBOX=namespaces, docker or workers"
            )

    def require_judge(self, option: str, name: str) -> None:
        """Raises InvalidOptions where there is no such judge."""
        if name not in self.judges:
            known = ", ".join(self.judges) or "none: the server's catalogue of judges (ASSAY_JUDGES) names them"
            raise InvalidOptions(option, f"there is no judge called {name[:80]!r}; there are: {known}")


@dataclass(frozen=True, slots=True)
class JudgeQuestion:
    """A question to a judge.

    Attributes:
        judge: name of a catalogue entry.
        instructions: who it is to be, and how it answers.
        said: what was said to it: data, whatever orders it gives.
        schema: JSON Schema of its answer.
    """

    judge: str
    instructions: str
    said: str
    schema: Mapping[str, Json]

    def encode(self) -> str:
        """As JSON."""
        return json.dumps({"question": [self.judge, self.instructions, self.said, self.schema]})

    @classmethod
    def decode(cls, text: str) -> JudgeQuestion:
        """The inverse. Raises ValueError."""
        judge, instructions, said, schema = cast("list[Json]", json.loads(text)["question"])
        if not (isinstance(judge, str) and isinstance(instructions, str) and isinstance(said, str)):
            raise ValueError("expected texts")  # noqa: TRY004 - it is the text that is wrong
        return cls(judge, instructions, said, cast("dict[str, Json]", schema))


def verdict_text(verdict: Mapping[str, Json]) -> str:
    """A judge's answer as JSON."""
    return json.dumps({"verdict": dict(verdict)})


def verdict_of(text: str) -> Mapping[str, Json]:
    """The inverse of :func:`verdict_text`. Raises EnvironmentFault."""
    try:
        found = cast("Json", json.loads(text))
    except (ValueError, RecursionError) as error:
        raise EnvironmentFault(f"an answer of the outside is no JSON: {str(error)[:100]}") from error
    verdict = found.get("verdict") if isinstance(found, dict) else None
    if not isinstance(verdict, dict):
        raise EnvironmentFault("an answer of the outside is no verdict")
    return verdict


def gives_orders(text: str) -> bool:
    """Whether a text talks to whoever answers it instead of asking, as ``constraint/grader_directed_text`` finds."""
    return grader_directed_text.function(Sample("", text), thoughts=True).value == 0


def member_of(names: tuple[str, ...]) -> dict[str, Json]:
    """Schema of one of these texts."""
    return {"type": "string", "enum": [*names]}


def list_of(names: tuple[str, ...]) -> dict[str, Json]:
    """Schema of a list of these texts."""
    return {"type": "array", "items": member_of(names)} if names else {"type": "array", "maxItems": 0}
