from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATOR = ROOT / ".venv-proto/bin/python"


@pytest.mark.skipif(not GENERATOR.exists(), reason="the stub generator is not installed: run make setup")
def test_committed_stubs_are_what_the_pinned_generator_writes(tmp_path: Path) -> None:
    subprocess.run([ROOT / "tools/generate-stubs", tmp_path], check=True)
    committed = ROOT / "client"
    fresh = {path.relative_to(tmp_path) for path in tmp_path.rglob("*_pb2*")}
    assert fresh == {path.relative_to(committed) for path in (committed / "assay/v1").glob("*_pb2*.py*")}
    stale = [str(path) for path in sorted(fresh) if (tmp_path / path).read_bytes() != (committed / path).read_bytes()]
    assert stale == [], "run make proto"
