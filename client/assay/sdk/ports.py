"""Ports: what a reward may ask of the world outside. Declared here, implemented by the server's execution lanes.

A reward that takes a second positional parameter named ``ports`` is given them::

    @reward("acme/judged-v1", bounds=(0, 1), lane=Lane.IO)
    async def judged(sample: Sample, ports: Ports) -> Score: ...

A port that this server does not have answers with :class:`PortUnavailable`, which becomes a status, never a score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class SqlComparison:
    """A query to be compared with a reference by what both answer.

    Attributes:
        database: a name of the operator's catalogue.
        rows: ``reference`` = in order where the reference orders, else as multisets.
        columns: whether their order counts; their names never do.
        tolerance: floats a and b are equal where ``|a - b| <= tolerance * max(1, |a|, |b|)``.
        neighbours: databases with other data, made from ``seed``, on which both must agree, too.
        timeout: seconds for the query, on all databases together; the reference has a limit of its own.
        parts: also say what the query has in common with the reference, by name.
        repeats: runs of each that the ratio of their times is taken from; 0 = none.
    """

    database: str
    sql: str
    reference: str
    rows: Literal["reference", "ordered", "bag", "set"] = "reference"
    columns: Literal["fixed", "free"] = "free"
    tolerance: float = 1e-6
    neighbours: int = 3
    seed: int = 0
    timeout: float = 5.0
    parts: bool = False
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class SqlVerdict:
    """What came of a comparison.

    Attributes:
        failure: why the query did not run: ``syntax``, ``refused``, ``timeout``, ``rows``, ``bytes``, ``memory``,
            ``crash``; empty where it ran.
        reason: what differs or failed; empty where they are equal.
        where: the database on which it does.
        neighbours: databases besides the named one on which they were compared.
        parts: shares in [0, 1] by name, where they were asked for: ``syntax``, ``tables``, ``columns``,
            ``schema``, ``ngram``, ``structure``. None where the query's process was lost.
        key: a name of what the query answers on the database; equal keys mean equal answers. May be empty.
        speed: the reference's time as a share of the query's, 1 at most; 0 where it was not taken.
    """

    equal: bool
    failure: str = ""
    reason: str = ""
    where: str = ""
    rows: int = 0
    reference_rows: int = 0
    neighbours: int = 0
    parts: Mapping[str, float] = field(default_factory=dict[str, float])
    speed: float = 0.0
    key: str = ""


class SqlRunner(Protocol):
    """Read-only queries on the operator's databases."""

    async def query(self, database: str, sql: str, *, timeout: float) -> QueryResult:
        """The rows. Raises Unscorable where the database is unknown; a bad query raises QueryError."""
        ...

    async def compare(self, comparison: SqlComparison) -> SqlVerdict:
        """Whether two queries agree. What the query does wrong is in the verdict.

        Raises:
            Unscorable: UNKNOWN_DATABASE, DATABASE_UNAVAILABLE, REFERENCE_FAILED.
        """
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


@dataclass(frozen=True, slots=True)
class PolicyTrial:
    """Episodes of an environment that a program is to play.

    Attributes:
        environment: id or short name of one that comes with the server.
        seeds: one an episode; the program is not told.
        options: of the environment.
        max_steps: actions after which an episode is cut.
    """

    environment: str
    seeds: tuple[int, ...]
    options: Mapping[str, Json]
    max_steps: int


@dataclass(frozen=True, slots=True)
class PlayedEpisode:
    """What a program did in one episode.

    Attributes:
        status: ``PLAYED`` where the program was there to the end; else what became of it.
        total: of the rewards of the steps that it took.
        score: the environment's task score when the episode ended, in [0, 1].
    """

    status: Literal[
        "PLAYED", "NOT_LOADED", "EXCEPTION", "EXITED", "TIMEOUT", "MEMORY", "BAD_ACTION", "BROKEN_PROTOCOL", "NOT_RUN"
    ]
    total: float
    score: float
    won: bool
    steps: int
    message: str = ""


class Sandbox(Protocol):
    """Untrusted programs, isolated."""

    async def run_tests(self, language: str, source: str, suite: Mapping[str, Json]) -> SuiteReport:
        """The suite's verdict. Raises Unscorable where the program could not be judged."""
        ...

    async def play(self, source: str, trial: PolicyTrial) -> Sequence[PlayedEpisode]:
        """What a Python program does as a policy: its ``act(observation, admissible_actions)`` is called at every step.

        The environment is hosted outside of the sandbox. Raises Unscorable where it cannot be.
        """
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
