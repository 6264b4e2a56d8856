"""What the supervisor says of a program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum


class TestOutcome(Enum):
    """What became of one test."""

    __test__ = False

    PASSED = "PASSED"
    FAILED = "FAILED"
    ERROR = "ERROR"
    TIMEOUT = "TIMEOUT"
    MEMORY = "MEMORY"
    NOT_RUN = "NOT_RUN"


class Isolation(Enum):
    """Where the suite ran."""

    SEPARATE = "SEPARATE"
    IN_PROCESS = "IN_PROCESS"


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test.

    Attributes:
        cpu_ms: CPU time of the program; of tests that share a run, the run's in proportion to their ``wall_ms``.
        message: what failed; empty where nothing did.
    """

    __test__ = False

    name: str
    outcome: TestOutcome
    cpu_ms: float = 0.0
    wall_ms: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """Milliseconds and bytes that a job took, its parts apart."""

    queue_ms: float = 0.0
    compile_ms: float = 0.0
    cpu_ms: float = 0.0
    wall_ms: float = 0.0
    peak_bytes: int = 0

    def plus(self, cpu_ms: float, peak_bytes: int) -> Use:
        """The same with another run in it."""
        return Use(self.queue_ms, self.compile_ms, self.cpu_ms + cpu_ms, self.wall_ms, max(self.peak_bytes, peak_bytes))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a program passes a suite.

    Attributes:
        tests: in the suite's order.
        compile_output: what the compiler said, where there is one, or the syntax error.
    """

    tests: tuple[TestResult, ...]
    compile_output: str = ""
    isolation: Isolation = Isolation.SEPARATE
    use: Use = field(default_factory=Use)

    @property
    def passed(self) -> bool:
        """Whether there are tests, and all passed."""
        return bool(self.tests) and all(test.outcome is TestOutcome.PASSED for test in self.tests)

    @property
    def pass_fraction(self) -> float:
        """The part that passed; 0 where there are none."""
        return sum(test.outcome is TestOutcome.PASSED for test in self.tests) / max(1, len(self.tests))

    @property
    def first_failure(self) -> str:
        """Name and message of the first test that did not pass."""
        failed = next((test for test in self.tests if test.outcome is not TestOutcome.PASSED), None)
        return "" if failed is None else f"{failed.name}: {failed.message or failed.outcome.value}"


class Unjudged(Exception):
    """Nothing was learned about the program: its suite, its language or this machine is at fault.

    Attributes:
        reason: stable UPPER_SNAKE_CASE name.
        retryable: whether the same job may get a verdict later.
    """

    def __init__(self, reason: str, message: str, *, field: str = "", retryable: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.retryable = retryable


def bad_suite(field: str, message: str) -> Unjudged:
    """A suite that cannot be run."""
    return Unjudged("BAD_SUITE", f"{field}: {message}", field=field)


def timed(results: Iterable[TestResult], use: Use) -> tuple[TestResult, ...]:
    """The tests of one run with its CPU time, in proportion to how long each took."""
    listed = tuple(results)
    wall = sum(result.wall_ms for result in listed) or 1.0
    return tuple(replace(result, cpu_ms=use.cpu_ms * result.wall_ms / wall) for result in listed)
