"""Suites as they are sent: JSON objects, checked and made into values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias, cast

from assay_sandbox.proofs.proving import ProofSuite
from assay_sandbox.suites.checkers import BUILT_IN, Checker, Comparison, Program
from assay_sandbox.suites.verdict import Isolation, bad_suite

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"

MAX_CASES = 10_000
_ISOLATIONS = {"SEPARATE": Isolation.SEPARATE, "IN_PROCESS": Isolation.IN_PROCESS}
_KNOWN = {
    "assert": {"prelude", "code", "entryPoint", "isolation"},
    "calls": {"entryPoint", "cases", "tolerance"},
    "stdio": {"cases", "checker"},
    "pytest": {"files", "isolation"},
    "interactive": {"cases", "judge"},
    "compile": {"syntaxOnly"},
    "proof": {"statement", "header", "wallMs", "memoryBytes"},
}


@dataclass(frozen=True, slots=True)
class AssertSuite:
    """Python code with asserts: ``code`` defines ``check(candidate)``, or asserts at its top.

    Attributes:
        prelude: runs before it, on the suite's side.
        entry_point: ``f``, ``Class.f`` or ``Class().f``.
    """

    prelude: str
    code: str
    entry_point: str
    isolation: Isolation


@dataclass(frozen=True, slots=True)
class CallCase:
    """One call: arguments, and what it shall return."""

    args: Sequence[Json]
    kwargs: Mapping[str, Json]
    expected: Json


@dataclass(frozen=True, slots=True)
class CallsSuite:
    """Calls of a Python function with values that JSON can say.

    Attributes:
        tolerance: absolute and relative, between numbers; 0 = equal.
    """

    entry_point: str
    cases: tuple[CallCase, ...]
    tolerance: float


@dataclass(frozen=True, slots=True)
class StdioCase:
    """One run: standard input, and what the program shall print."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class StdioSuite:
    """Runs of a program in any language."""

    cases: tuple[StdioCase, ...]
    checker: Checker


@dataclass(frozen=True, slots=True)
class PytestSuite:
    """Files of pytest tests by their relative paths; the program is ``solution`` to them."""

    files: Mapping[str, bytes]
    isolation: Isolation


@dataclass(frozen=True, slots=True)
class InteractiveSuite:
    """A judge that talks with the program: its standard output is the program's input, and the other way round.

    The judge finds a case's input in its file ``input.txt``, and accepts by ending with status 0.
    """

    cases: tuple[StdioCase, ...]
    judge: Program


@dataclass(frozen=True, slots=True)
class CompileSuite:
    """One test: the program compiles, or with ``syntax_only`` parses."""

    syntax_only: bool


Suite: TypeAlias = "AssertSuite | CallsSuite | StdioSuite | PytestSuite | InteractiveSuite | CompileSuite | ProofSuite"


def read_suite_text(text: str) -> Suite:
    """The suite in a JSON text. Raises Unjudged (BAD_SUITE)."""
    try:
        value = cast("object", json.loads(text))
    except json.JSONDecodeError as error:
        raise bad_suite("suite", f"not JSON: {error.msg} at character {error.pos + 1}") from error
    except (ValueError, RecursionError) as error:
        raise bad_suite(
            "suite", "not JSON that can be read: too deeply nested, or a number of too many digits"
        ) from error
    if not isinstance(value, dict):
        raise bad_suite("suite", "expected an object")
    return read_suite(cast("dict[str, Json]", value))


def read_suite(value: Mapping[str, Json]) -> Suite:
    """The suite that an object describes. Raises Unjudged (BAD_SUITE)."""
    kind = _text(value, "kind")
    if kind not in _KNOWN:
        raise bad_suite("suite.kind", f"expected one of {', '.join(_KNOWN)}, got {kind[:40]!r}")
    unknown = sorted(set(value) - _KNOWN[kind] - {"kind"})
    if unknown:
        raise bad_suite(f"suite.{unknown[0][:40]}", f"a suite of kind {kind} has {', '.join(sorted(_KNOWN[kind]))}")
    match kind:
        case "assert":
            entry_point, isolation = _text(value, "entryPoint", ""), _isolation(value)
            return AssertSuite(_text(value, "prelude", ""), _text(value, "code"), entry_point, isolation)
        case "calls":
            return CallsSuite(_text(value, "entryPoint"), tuple(_calls(value)), _tolerance(value))
        case "stdio":
            return StdioSuite(tuple(_runs(value, "output")), _checker(value.get("checker", "tokens")))
        case "pytest":
            return PytestSuite(_files(value), _isolation(value))
        case "interactive":
            return InteractiveSuite(tuple(_runs(value, "")), _program(value.get("judge"), "suite.judge"))
        case "proof":
            return _proof(value)
        case _:
            return CompileSuite(value.get("syntaxOnly") is True)


def _proof(value: Mapping[str, Json]) -> ProofSuite:
    most = ProofSuite("")
    wall = _whole(value, "wallMs", most.wall_ms)
    return ProofSuite(
        _text(value, "statement"), _text(value, "header", ""), wall, _whole(value, "memoryBytes", most.memory_bytes)
    )


def _whole(value: Mapping[str, Json], name: str, most: int) -> int:
    found = value.get(name, most)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found <= most:
        raise bad_suite(f"suite.{name}", f"expected an integer from 1 to {most}")
    return found


def _text(value: Mapping[str, Json], name: str, default: str | None = None, at: str = "suite") -> str:
    found = value.get(name, default)
    if not isinstance(found, str):
        raise bad_suite(f"{at}.{name}", f"expected text, got {_kind(found)}")
    return found


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__


def _isolation(value: Mapping[str, Json]) -> Isolation:
    name = _text(value, "isolation", "SEPARATE")
    if name not in _ISOLATIONS:
        raise bad_suite("suite.isolation", "expected SEPARATE or IN_PROCESS")
    return _ISOLATIONS[name]


def _tolerance(value: Mapping[str, Json], at: str = "suite") -> float:
    found = value.get("tolerance", 0.0)
    if isinstance(found, bool) or not isinstance(found, int | float) or not (math.isfinite(found) and found >= 0):
        raise bad_suite(f"{at}.tolerance", "expected a number >= 0")
    return float(found)


def _cases(value: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    cases = value.get("cases")
    if not isinstance(cases, list) or not cases:
        raise bad_suite("suite.cases", "expected a list that is not empty")
    if len(cases) > MAX_CASES:
        raise bad_suite("suite.cases", f"{len(cases)} cases; at most {MAX_CASES}")
    for number, case in enumerate(cases):
        if not isinstance(case, dict):
            raise bad_suite(f"suite.cases[{number}]", f"expected an object, got {_kind(case)}")
    return cast("list[Mapping[str, Json]]", cases)


def _calls(value: Mapping[str, Json]) -> list[CallCase]:
    read: list[CallCase] = []
    for number, case in enumerate(_cases(value)):
        args, kwargs = case.get("args", []), case.get("kwargs", {})
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise bad_suite(f"suite.cases[{number}]", "expected args as a list and kwargs as an object")
        if "expected" not in case:
            raise bad_suite(f"suite.cases[{number}].expected", "is missing")
        read.append(CallCase(args, kwargs, case["expected"]))
    return read


def _runs(value: Mapping[str, Json], output: str) -> list[StdioCase]:
    return [
        StdioCase(
            _text(case, "input", "", f"suite.cases[{number}]"),
            _text(case, output, None, f"suite.cases[{number}]") if output else "",
        )
        for number, case in enumerate(_cases(value))
    ]


def _checker(value: Json) -> Checker:
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, dict):
        raise bad_suite("suite.checker", f"expected a name or an object, got {_kind(value)}")
    if "source" in value:
        return _program(value, "suite.checker")
    name = _text(value, "name", None, "suite.checker")
    if name not in BUILT_IN:
        raise bad_suite("suite.checker", f"expected one of {', '.join(BUILT_IN)} or a program, got {name[:40]!r}")
    return Comparison(name, _tolerance(value, "suite.checker") if "tolerance" in value else BUILT_IN[name])


def _program(value: Json, at: str) -> Program:
    if not isinstance(value, dict):
        raise bad_suite(at, "expected {language, source}")
    return Program(_text(value, "language", "python", at), _text(value, "source", None, at))


def _files(value: Mapping[str, Json]) -> dict[str, bytes]:
    files = value.get("files")
    if not isinstance(files, dict) or not files:
        raise bad_suite("suite.files", "expected an object of paths and texts that is not empty")
    read: dict[str, bytes] = {}
    for path, text in files.items():
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or "\0" in path or len(path) > 200:
            raise bad_suite("suite.files", f"{path[:80]!r} is no relative path")
        if parts[0] in ("solution.py", "solution"):
            raise bad_suite("suite.files", "solution is the program under test")
        if not isinstance(text, str):
            raise bad_suite("suite.files", f"{path[:80]!r}: expected text")
        read[path] = text.encode("utf-8", "surrogatepass")
    return read
