"""What every committed file keeps to, whatever it is about."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Spelled in pieces, so that this file passes its own test.
HOSTS = ["py" + "pi.org", "pythonhosted" + ".org", "npmjs" + ".org", "npmjs" + ".com", "deb.debian" + ".org"]
REGISTRY_HOST = re.compile("|".join(re.escape(host) for host in HOSTS))
MACHINE_PATH = re.compile(r"(?<![\w.~}>-])/(?:work|root|home|Users)/(?=\w)")
UNFINISHED = re.compile(r"\b(?:" + "TO" + "DO|FIX" + "ME|XX" + r"X)\b")
NOT_HERE = re.compile(r"\b(?:" + "PAP" + "ERS|DES" + r"IGN)\b")
OTHER_LOCKS = {"uv" + ".lock", "poetry" + ".lock", "Pipfile" + ".lock", "pdm" + ".lock"}
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "manager", "common", "base", "misc"}
MAX_LINES = 600


@cache
def committed() -> tuple[Path, ...]:
    """Every file git knows or would take; generated stubs are left out."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = (Path(name) for name in listing.split("\0") if name)
    return tuple(path for path in paths if (ROOT / path).is_file() and path.parts[:3] != ("client", "assay", "v1"))


def lines() -> Iterator[tuple[str, str]]:
    for path in committed():
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            yield f"{path}:{number}", line


@pytest.mark.parametrize(
    ("pattern", "planted"),
    [
        pytest.param(REGISTRY_HOST, "https://" + HOSTS[0] + "/simple", id="no package registry is named"),
        pytest.param(MACHINE_PATH, "see /" + "home/someone/x", id="no path of one machine"),
        pytest.param(UNFINISHED, "# TO" + "DO: later", id="nothing is left for later"),
        pytest.param(NOT_HERE, "see PAP" + "ERS A.3", id="no document is cited that a reader does not have"),
    ],
)
def test_no_line_says(pattern: re.Pattern[str], planted: str) -> None:
    assert pattern.search(planted)
    assert [f"{where}: {line.strip()}" for where, line in lines() if pattern.search(line)] == []


def test_constraint_files_are_the_only_locks() -> None:
    assert [str(path) for path in committed() if path.name in OTHER_LOCKS] == []


def test_modules_are_of_a_size_to_be_read() -> None:
    modules = [path for path in committed() if path.suffix == ".py"]
    sizes = {str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in modules}
    assert {path: size for path, size in sizes.items() if size > MAX_LINES} == {}


def test_modules_are_named_for_what_they_are() -> None:
    named = [path for path in committed() if path.suffix == ".py"]
    assert [str(path) for path in named if SAYS_NOTHING & {path.stem, *path.parts[:-1]}] == []
