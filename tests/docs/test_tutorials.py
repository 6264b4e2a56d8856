"""The tutorials as their readers follow them: every command is run as it is written and prints what is promised."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .walkthrough import Typed, Written, follow, matches, steps_of

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "tutorials"
FIRST = PAGES / "first-reward.md"
RUN_BY_DEFAULT = {"first-reward", "write-an-estimator"}


def broken_promises(page: Path, folder: Path, path: str, *, installs: bool = False) -> list[str]:
    environment = {"PATH": path, "HOME": str(folder)}
    said = follow(page.read_text(), folder, environment, installs=installs)
    return [
        f"{step.command}\npromised: {step.promised}\nprinted: {printed}"
        for step, printed in said
        if step.promised and not matches(step.promised, printed)
    ]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.stem, marks=() if page.stem in RUN_BY_DEFAULT else pytest.mark.full)
        for page in sorted(PAGES.glob("*.md"))
    ],
)
def test_a_tutorial_does_what_it_promises(page: Path, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    assert broken_promises(page, tmp_path, path) == []


@pytest.mark.full
def test_a_newcomer_gets_a_first_reward(tmp_path: Path) -> None:
    """In a copy of the repository, with nothing but a Python: the page's own commands make the environment."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    copy = tmp_path / "assay"
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    bare = Path(sys.executable).resolve().parent
    path = ":".join([str(bare), *(part for part in os.environ["PATH"].split(":") if ".venv" not in part)])
    assert broken_promises(FIRST, copy, path, installs=True) == []
    assert (copy / "try-assay" / "bin" / "assay").exists()


def test_every_tutorial_promises_something() -> None:
    promises = {
        page.stem: sum(
            isinstance(step, Typed) and bool(step.promised) for step in steps_of(page.read_text(), installs=False)
        )
        for page in PAGES.glob("*.md")
    }
    assert promises.keys() == {"first-reward", "agent-environment", "laptop-to-cluster", "write-an-estimator"}
    assert min(promises.values()) >= 2


def test_a_promise_is_kept_line_by_line() -> None:
    assert matches("a ... c\nd", "a b c\nd")
    assert not matches("a ... c", "a b")
    assert not matches("a", "a\nb")


def test_a_page_is_read_as_files_and_commands() -> None:
    files = '```python title="x.py"\nprint(1)\n```\n\n'
    page = f"{files}<!-- installs -->\n```console\n$ pip install x\n```\n```console\n$ python x.py\n1\n```\n"
    assert list(steps_of(page, installs=False)) == [Written("x.py", "print(1)\n"), Typed("python x.py", "1")]
    assert Typed("pip install x", "") in list(steps_of(page, installs=True))


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no such thing"):
        follow("```console\n$ echo no such thing; false\n$ true\n```\n", tmp_path, {})
