"""What is committed is what gets installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / f"constraints/py{sys.version_info[0]}{sys.version_info[1]}.txt"
# Images are built from the sources, examples are read there.
NOT_SHIPPED = shutil.ignore_patterns("*.egg-info", "build", "__pycache__", "images", "examples")


def wheel_contents(source: Path, out: Path) -> set[str]:
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", out, source]
    subprocess.run(command, check=True, capture_output=True)
    [wheel] = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_server_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for source in ("server", "sandboxes"):
        shutil.copytree(ROOT / source, tmp_path / source, ignore=NOT_SHIPPED)
    expected = files_below(tmp_path / "server") | files_below(tmp_path / "sandboxes")
    assert wheel_contents(tmp_path, tmp_path / "dist") == expected


def test_the_client_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "client", tmp_path / "client", ignore=NOT_SHIPPED)
    expected = files_below(tmp_path / "client") - {"pyproject.toml", "README.md"}
    assert wheel_contents(tmp_path / "client", tmp_path / "dist") == expected


@pytest.mark.skipif(not CONSTRAINTS.exists(), reason="this Python version has no constraint file")
def test_the_constraint_file_pins_what_is_installed() -> None:
    lines = [Requirement(line) for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    pins = {line.name: str(line.specifier)[2:] for line in lines if line.marker is None or line.marker.evaluate()}
    installed = {dist.metadata["Name"].replace("_", "-").lower(): dist.version for dist in distributions()}
    missing = [name for name in installed if name not in pins and not name.startswith("assay-")]
    assert missing == [], "run make constraints"
    assert {name: installed.get(name) for name in pins} == pins, "run make setup"
