"""Ports: what a reward may ask of the world outside. Declared here, implemented by the server's execution lanes.

A reward that takes a second positional parameter named ``ports`` is given them::

    @reward("acme/judged-v1", bounds=(0, 1), lane=Lane.IO)
    async def judged(sample: Sample, ports: Ports) -> Score: ...

A port that this server does not have answers with :class:`PortUnavailable`, which becomes a status, never a score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from assay.sdk.samples import Json, Unscorable


class PortUnavailable(Unscorable):
    """The server has no implementation of a port, or the operator has not configured it."""

    def __init__(self, port: str, hint: str) -> None:
        super().__init__("PORT_UNAVAILABLE", f"the {port} port is not available here: {hint}")


@dataclass(frozen=True, slots=True)
class SymbolicVerdict:
    """Whether two expressions are equal; None = undecided.

    Attributes:
        layer: what decided.
        reason: one sentence.
    """

    equal: bool | None
    layer: Literal["symbolic", "numeric"]
    reason: str


Strictness = Literal["strict", "default", "lenient"]
"""How the forms of answers are judged."""


class Symbolic(Protocol):
    """Equality of answers by computer algebra, then by high-precision numbers. May take long: it runs where it can be
    killed."""

    def compare(self, prediction: str, reference: str, strictness: Strictness = "default") -> SymbolicVerdict:
        """Whether both texts, in LaTeX or plain notation, are the same answer."""
        ...


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """A question to a judging model.

    Attributes:
        endpoint: name of a catalogue entry of the operator's.
        instructions: what to judge, and how to answer.
        graded: texts to be judged, by name; they are wrapped as data and cannot give orders.
        schema: JSON Schema of the verdict.
    """

    endpoint: str
    instructions: str
    graded: Mapping[str, str]
    schema: Mapping[str, Json]
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class JudgeVerdict:
    """What a judge said: an object that fits the schema asked for."""

    verdict: Mapping[str, Json]
    model: str
    cached: bool
    prompt_tokens: int
    completion_tokens: int


class Judge(Protocol):
    """Judging models behind OpenAI-compatible endpoints."""

    async def ask(self, request: JudgeRequest) -> JudgeVerdict:
        """The verdict. Raises Unscorable (JUDGE_UNAVAILABLE, JUDGE_UNPARSEABLE, JUDGE_BUDGET)."""
        ...


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rows of a query; ``truncated`` where a cap cut them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Json, ...], ...]
    truncated: bool
    seconds: float


class SqlRunner(Protocol):
    """Read-only queries on the operator's databases."""

    async def query(self, database: str, sql: str, *, timeout: float) -> QueryResult:
        """The rows. Raises Unscorable where the database is unknown; a bad query raises QueryError."""
        ...


class QueryError(Exception):
    """The query itself is wrong, or broke a limit: the model's failure."""


@dataclass(frozen=True, slots=True)
class SuiteTest:
    """What became of one test of a suite."""

    name: str
    outcome: Literal["PASSED", "FAILED", "ERROR", "TIMEOUT", "MEMORY", "NOT_RUN"]
    cpu_seconds: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """What a suite says of a program.

    Attributes:
        separate: whether the suite ran where the program could not reach it.
    """

    passed: bool
    pass_fraction: float
    tests: Sequence[SuiteTest]
    compile_output: str = ""
    separate: bool = True


class Sandbox(Protocol):
    """Untrusted programs, isolated."""

    async def run_tests(self, language: str, source: str, suite: Mapping[str, Json]) -> SuiteReport:
        """The suite's verdict. Raises Unscorable where the program could not be judged."""
        ...


class Blobs(Protocol):
    """Bytes that the trainer sent, by what they are."""

    async def get(self, sha256: str) -> bytes:
        """The bytes. Raises Unscorable (UNKNOWN_BLOB)."""
        ...


class Ports(Protocol):
    """All ports."""

    @property
    def symbolic(self) -> Symbolic: ...

    @property
    def judge(self) -> Judge: ...

    @property
    def sql(self) -> SqlRunner: ...

    @property
    def sandbox(self) -> Sandbox: ...

    @property
    def blobs(self) -> Blobs: ...
