from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPPED_TESTS = """
import pytest

@pytest.mark.skip(reason="redis-server is not installed")
def test_store(): pass

@pytest.mark.xfail(reason="known", strict=True)
def test_known(): assert False

@pytest.mark.skip(reason="does not apply: redis-server has no such mode")
def test_no_case(): pass

def test_fine(): pass
"""

SKIPPED_MODULE = """
import pytest
pytest.skip("bubblewrap is not installed", allow_module_level=True)
"""


def run(folder: Path, require: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder / "conftest.py")
    (folder / "test_some.py").write_text(SKIPPED_TESTS)
    (folder / "test_module.py").write_text(SKIPPED_MODULE)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)],
        env={**os.environ, "ASSAY_REQUIRE": require},
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
    )


@pytest.mark.parametrize(
    ("require", "summary", "status"),
    [
        ("", "1 passed, 3 skipped, 1 xfailed", 0),
        ("postgres", "1 passed, 3 skipped, 1 xfailed", 0),
        ("redis,postgres", "1 passed, 2 skipped, 1 xfailed, 1 error", 1),
    ],
)
def test_skips_named_by_assay_require_fail(tmp_path: Path, require: str, summary: str, status: int) -> None:
    result = run(tmp_path, require)
    assert summary in result.stdout
    assert result.returncode == status


def test_a_skipped_module_fails_the_run(tmp_path: Path) -> None:
    result = run(tmp_path, "all")
    assert result.returncode != 0
    assert "does not allow this skip. Skipped: bubblewrap is not installed" in result.stdout
