"""The thin client in environments of its own: at the oldest versions it supports and at today's newest."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

OLDEST_PYTHON = "python3.10"
FLOOR = {"grpcio": "1.72.0", "protobuf": "6.30.0", "numpy": "1.26.0"}
NUMPY_OF_PYTHON_313 = "2.1.0"  # the first with wheels for it
TEST_TOOLS = ["pytest", "pytest-asyncio", "hypothesis"]
IMPORT_SECONDS = 0.5
IMPORT_TRIES = 20

MEASURE_IMPORT = "from time import perf_counter as t; s = t(); import assay; assay.Client; print(t() - s)"


@dataclass(frozen=True, slots=True)
class Venv:
    python: Path
    versions: dict[str, str]
    """What the client alone brought in."""


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    result = subprocess.run(command, cwd=cwd, text=True, capture_output=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def pip(python: Path | str, *arguments: str | Path) -> str:
    return run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, *arguments)


def floor_python() -> str:
    """The oldest Python the client supports where this machine has it, else the one that runs the tests."""
    if shutil.which(OLDEST_PYTHON) is None:
        return sys.executable
    # A version manager's stand-in may be on the path without the Python behind it.
    works = subprocess.run([OLDEST_PYTHON, "-c", "import venv"], capture_output=True, check=False).returncode == 0
    return OLDEST_PYTHON if works else sys.executable


def floor_pins(python: Path) -> list[str]:
    version = run(python, "-c", "import sys; print(*sys.version_info[:2])").split()
    newer = {"numpy": NUMPY_OF_PYTHON_313} if tuple(map(int, version)) >= (3, 13) else {}
    return [f"{name}=={version}" for name, version in {**FLOOR, **newer}.items()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Built from a copy, because setuptools leaves its build folder behind in the source.
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "client", folder / "client", ignore=shutil.ignore_patterns("*.egg-info", "build"))
    pip(sys.executable, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, folder / "client")
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module", params=["floor", "newest"])
def venv(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Iterator[Venv]:
    folder = tmp_path_factory.mktemp(str(request.param))
    at_floor = request.param == "floor"
    run(floor_python() if at_floor else sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin/python"
    pins = floor_pins(python) if at_floor else []
    pip(python, "install", "-q", wheel, *pins)
    listing = json.loads(pip(python, "list", "--format", "json"))
    pip(python, "install", "-q", *TEST_TOOLS, *pins)
    yield Venv(python, {item["name"].lower(): item["version"] for item in listing})
    shutil.rmtree(folder)


def test_the_floor_tested_is_the_floor_declared() -> None:
    floors = dict(re.findall(r"^(\w+)>=([\d.]+)$", "\n".join(requires("assay-client") or []), re.MULTILINE))
    assert floors.keys() == FLOOR.keys()
    assert floors == {"grpcio": "1.72", "protobuf": "6.30", "numpy": "1.26"}


def test_the_client_brings_in_grpcio_protobuf_and_numpy_only(venv: Venv) -> None:
    # typing-extensions comes with newer grpcio.
    assert venv.versions.keys() - {"typing-extensions", "typing_extensions"} == {"assay-client", *FLOOR}


def test_the_client_passes_its_tests(venv: Venv) -> None:
    output = run(venv.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", ROOT / "tests/client")
    sys.stdout.write(output)
    assert re.search(r"\d+ passed", output)


def test_the_client_imports_quickly(venv: Venv) -> None:
    # The limit is part of the contract; the best of some tries is what the machine can do when left alone.
    times: list[float] = []
    while len(times) < IMPORT_TRIES and min(times, default=IMPORT_SECONDS + 1) > IMPORT_SECONDS:
        times.append(float(run(venv.python, "-c", MEASURE_IMPORT)))
    assert min(times) <= IMPORT_SECONDS, times
