"""The import arrows: server -> sandboxes, server -> client; api -> pipeline -> domain, execution, sessions, store.

Read from the syntax trees, imports inside functions and under TYPE_CHECKING included.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("client", "server", "sandboxes")

DOMAIN = ("rewards", "environments", "estimators", "sampling", "shaping")
INPUT_OUTPUT = (
    "asyncio", "concurrent", "docker", "fastapi", "google", "grpc", "http", "httpx", "multiprocessing", "redis",
    "selectors", "signal", "socket", "sqlite3", "ssl", "starlette", "subprocess", "threading", "time", "uvicorn",
)  # fmt: skip


def server(*packages: str) -> tuple[str, ...]:
    return tuple(f"assay_server.{package}" for package in packages)


@dataclass(frozen=True, slots=True)
class Arrow:
    """Modules below `of` import nothing below `never`, except what is below `unless`."""

    of: str
    never: tuple[str, ...]
    unless: tuple[str, ...] = ()


ARROWS = (
    Arrow("assay", ("assay_server", "assay_sandbox")),
    Arrow("assay.sdk", ("assay", "grpc", "google"), unless=("assay.sdk",)),
    Arrow("assay_sandbox", ("assay_server",)),
    *(
        Arrow(package, ("assay", "assay_server", *INPUT_OUTPUT), unless=("assay.sdk", *server(*DOMAIN)))
        for package in server(*DOMAIN)
    ),
    Arrow("assay_server.store", server(*DOMAIN, "api", "console", "pipeline", "execution", "sessions")),
    Arrow("assay_server.execution", server("api", "console", "pipeline", "sessions")),
    Arrow("assay_server.sessions", server("api", "console", "pipeline")),
    Arrow("assay_server.pipeline", server("api", "console")),
)


@dataclass(frozen=True, slots=True)
class Module:
    name: str
    path: Path
    imports: tuple[tuple[str, int], ...]
    calls: tuple[tuple[str, int], ...]


def below(name: str, prefixes: Iterable[str]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def imported_names(tree: ast.AST, package: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((f"{origin}.{alias.name}", node.lineno) for alias in node.names)


def called_builtins(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node.lineno


def read_modules(root: Path) -> list[Module]:
    modules: list[Module] = []
    for source in SOURCES:
        for path in sorted((root / source).rglob("*.py")):
            parts = path.relative_to(root / source).with_suffix("").parts
            if not parts[0].startswith("assay"):
                continue
            package = ".".join(parts[:-1])
            name = package if parts[-1] == "__init__" else ".".join(parts)
            tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
            modules.append(Module(name, path, tuple(imported_names(tree, package)), tuple(called_builtins(tree))))
    return modules


def violations(modules: Iterable[Module]) -> list[str]:
    found: list[str] = []
    for module in modules:
        for arrow in ARROWS:
            if not below(module.name, [arrow.of]):
                continue
            found += [
                f"{module.path}:{line}: {arrow.of} must not import {name}"
                for name, line in module.imports
                if below(name, arrow.never) and not below(name, arrow.unless)
            ]
        if below(module.name, server(*DOMAIN)):
            found += [
                f"{module.path}:{line}: the domain is pure and must not call {name}()"
                for name, line in module.calls
                if name in {"open", "print", "input", "eval", "exec", "__import__"}
            ]
    return found


def server_part(name: str) -> str:
    """The package or top-level module of the server that a dotted name belongs to."""
    return ".".join(name.split(".")[:2])


def server_parts(modules: Iterable[Module]) -> dict[str, set[str]]:
    """Which part imports which others; the package's own __init__ is no part."""
    inside = [module for module in modules if module.name.startswith("assay_server.")]
    graph: dict[str, set[str]] = {server_part(module.name): set() for module in inside}
    for module in inside:
        for name, _ in module.imports:
            part = server_part(name)
            if part in graph and part != server_part(module.name):
                graph[server_part(module.name)].add(part)
    return graph


def test_imports_follow_the_arrows() -> None:
    modules = read_modules(ROOT)
    assert {module.name.split(".")[0] for module in modules} >= {"assay", "assay_server"}
    assert violations(modules) == []


def test_parts_of_the_server_import_each_other_without_cycles() -> None:
    # A module that two packages both need belongs below both; it does not close a ring.
    graph = server_parts(read_modules(ROOT))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' <- '.join(error.args[1])}")


PLANTED = {
    "client/assay/planted.py": ("import assay_server.store", "assay must not import assay_server.store"),
    "client/assay/sdk/planted.py": ("from ..v1 import rollout_pb2", "must not import assay.v1.rollout_pb2"),
    "sandboxes/assay_sandbox/planted.py": ("from assay_server import api", "must not import assay_server.api"),
    "server/assay_server/rewards/planted.py": ("def f():\n    import time", "must not import time"),
    "server/assay_server/rewards/deep/planted.py": ("from ...pipeline import x", "import assay_server.pipeline.x"),
    "server/assay_server/estimators/planted.py": ("from assay import Client", "must not import assay.Client"),
    "server/assay_server/sampling/planted.py": ("x = open('y')", "must not call open()"),
    "server/assay_server/environments/planted.py": ("from google.protobuf import json_format", "import google.proto"),
    "server/assay_server/store/planted.py": ("from ..rewards import x", "must not import assay_server.rewards.x"),
    "server/assay_server/pipeline/planted.py": ("import assay_server.api.status", "import assay_server.api.status"),
}


@pytest.mark.parametrize("path", PLANTED)
def test_a_planted_violation_is_found(tmp_path: Path, path: str) -> None:
    code, message = PLANTED[path]
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(code)
    found = violations(read_modules(tmp_path))
    assert len(found) == 1
    assert message in found[0]


def test_what_the_arrows_allow_is_not_found(tmp_path: Path) -> None:
    allowed = {
        "rewards": "from assay.sdk import Score\nfrom assay_server.rewards.numbers import x\nimport re",
        "pipeline": "import asyncio\nfrom assay_server import rewards, store\nfrom assay.v1 import rollout_pb2",
        "api": "import grpc\nfrom ..pipeline import x",
    }
    for package, code in allowed.items():
        path = tmp_path / "server/assay_server" / package / "planted.py"
        path.parent.mkdir(parents=True)
        path.write_text(code)
    assert violations(read_modules(tmp_path)) == []


def test_a_planted_cycle_is_found(tmp_path: Path) -> None:
    planted = {"embedded": "from assay_server.pipeline import x", "pipeline": "import assay_server.embedded"}
    for name, code in planted.items():
        path = tmp_path / "server/assay_server" / name / "__init__.py"
        path.parent.mkdir(parents=True)
        path.write_text(code)
    with pytest.raises(CycleError):
        TopologicalSorter(server_parts(read_modules(tmp_path))).prepare()


def test_the_sdk_is_importable_without_grpc_and_protobuf() -> None:
    code = "import sys, assay.sdk; print([m for m in ('grpc', 'google.protobuf') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
