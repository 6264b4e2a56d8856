"""``assay plugin``, plugins that are installed, and servers that are told to have them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from assay.sdk import Json
from assay_server.cli.plugins_report import check_all
from assay_server.cli.plugins_scaffold import write_scaffold
from assay_server.cli.plugins_templates import Kind
from assay_server.execution.discovery import BrokenPlugin, discover
from assay_server.execution.plugin_records import Origin

ROOT = Path(__file__).parents[3]
PLUGINS = Path(__file__).parent / "plugins"
ASSAY = str(Path(sys.executable).with_name("assay"))


def run(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, check=False, env={**os.environ, **extra})


# ---------------------------------------------------------------- the checker


@pytest.fixture(scope="module")
def failed() -> dict[str, dict[str, str]]:
    """What did not pass, by plugin and check."""
    found: dict[str, dict[str, str]] = {}
    for finding in check_all(str(PLUGINS / "checked.py")):
        of_plugin = found.setdefault(finding.plugin.removeprefix("checked/"), {})
        if not finding.passed:
            of_plugin[finding.check] = finding.explanation
    return found


@pytest.mark.parametrize(
    ("plugin", "check", "words"),
    [
        ("random-v1", "determinism", "sample.seed"),
        ("set_order-v1", "determinism", "order of a set"),
        ("out-v1", "bounds", "declare wider bounds"),
        ("unsendable-v1", "pickling", "valid text"),
        ("raises-v1", "hostile inputs", "an empty response: REWARD_FAILED"),
        ("makes_up-v1", "missing reference", "never a 0"),
        ("slow-v1", "speed", "lane=Lane.CPU"),
        ("hangs-v1", "hostile inputs", "1 MB of one character: DEADLINE_EXCEEDED"),
        ("exits-v1", "hostile inputs", "an empty response: REWARD_EXITED"),
        ("short-v1", "groups", "expected 1 numbers, got 0"),
        ("divides-v1", "groups", "ZeroDivisionError"),
        ("loops-v1", "groups", "did not end"),
    ],
)
def test_each_fault_is_found_and_explained(
    failed: dict[str, dict[str, str]], plugin: str, check: str, words: str
) -> None:
    assert words in failed[plugin].get(check, "")


@pytest.mark.parametrize("plugin", ["good-v1", "ranks-v1", "keeps-v1"])
def test_nothing_is_found_where_nothing_is_wrong(failed: dict[str, dict[str, str]], plugin: str) -> None:
    assert failed[plugin] == {}


def test_a_verl_function_passes_the_check() -> None:
    findings = check_all(f"{PLUGINS / 'foreign.py'}:gsm8k_score")
    assert [finding for finding in findings if not finding.passed] == []


def test_the_check_exits_with_one_and_prints_json_where_something_failed(tmp_path: Path) -> None:
    done = run(ASSAY, "plugin", "check", "--json", f"{PLUGINS / 'foreign.py'}:nothing_there")
    assert done.returncode == 1
    assert json.loads(done.stdout)["passed"] is False
    assert "no function 'nothing_there'" in json.loads(done.stdout)["explanation"]
    assert run(ASSAY, "plugin", "check", "no-such-plugin").returncode == 2
    assert run(ASSAY, "plugin", "check", str(tmp_path / "none.py")).returncode == 1


# ---------------------------------------------------------------- what is installed

BROKEN = """\
from assay.sdk import Sample, Score, reward

@reward("broken/one-v1", bounds=(1, 0))
def one(sample: Sample) -> Score:
    return Score(1.0)
"""
WORKS = """\
from assay.sdk import Sample, Score, reward

@reward("works/one-v1", bounds=(0, 1))
def one(sample: Sample) -> Score:
    '''Always 1.'''
    return Score(1.0)
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two distributions on the path: one that works, one that breaks on import."""
    for name, text in (("works", WORKS), ("broken", BROKEN)):
        (tmp_path / f"assay_test_{name}.py").write_text(text)
        info = tmp_path / f"assay_test_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: assay-test-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[assay.plugins]\n{name} = assay_test_{name}\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("works", "broken"):
        sys.modules.pop(f"assay_test_{name}", None)


def test_a_broken_plugin_that_is_merely_installed_is_listed_and_left_out(installed: Path) -> None:
    found = discover(None, [])
    assert found.catalogues.rewards.resolve("works/one").id == "works/one-v1"
    assert found.names == ("installed:works",)
    records = {record.id: record for record in found.records}
    assert records["works/one-v1"].origin is Origin.ENTRY_POINT
    assert records["works/one-v1"].summary == "Always 1."
    assert "bounds (1, 0)" in records["broken"].broken
    assert f"{installed / 'assay_test_broken.py'}:3 as one(sample" in records["broken"].definition


def test_a_broken_plugin_that_was_named_stops_everything(installed: Path) -> None:
    del installed
    assert discover(None, ["works"]).names == ("installed:works",)
    with pytest.raises(BrokenPlugin, match=r"bounds \(1, 0\)"):
        discover(None, ["broken"])
    with pytest.raises(BrokenPlugin, match="installed: broken, works"):
        discover(None, ["wroks"])


def test_another_definition_under_a_known_id_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "twice.py"
    file.write_text(
        "from assay.sdk import *\n@reward('verify/math-v1', bounds=(0, 1))\ndef mine(sample): return Score(1.0)\n"
    )
    with pytest.raises(BrokenPlugin, match="exists with another digest"):
        discover(None, [str(file)])


def test_a_server_does_not_start_with_a_broken_plugin_that_was_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text(BROKEN)
    token = {"ASSAY_TOKEN_FILE": str(tmp_path / "token"), "ASSAY_HTTP_LISTEN": ""}
    done = run(ASSAY, "serve", "--listen", "127.0.0.1:0", "--store", "memory:", "--plugin", str(file), **token)
    assert done.returncode == 1
    assert "cannot serve" in done.stderr
    assert "defined at" in done.stderr
    assert "Traceback" not in done.stderr


def test_plugins_are_listed_with_their_origin(installed: Path) -> None:
    done = run(ASSAY, "plugin", "list", "--json", "--plugin", str(PLUGINS / "checked.py"), PYTHONPATH=str(installed))
    lines = [cast("dict[str, Json]", json.loads(line)) for line in done.stdout.splitlines()]
    listed = {str(one["id"]): one for one in lines}
    assert listed["verify/math-v1"]["origin"] == "built-in"
    assert listed["works/one-v1"]["place"] == "assay-test-works 1.0"
    assert listed["checked/short-v1"]["kind"] == "estimator"
    assert listed["checked/good-v1"]["origin"] == "path"
    assert listed["broken"]["broken"]


# ---------------------------------------------------------------- the scaffold and the documentation


def test_a_scaffold_is_refused_where_something_is(tmp_path: Path) -> None:
    made = run(ASSAY, "plugin", "new", "acme-math", "--kind", "selector", "--directory", str(tmp_path))
    assert (made.returncode, "tests/test_selectors.py" in made.stdout) == (0, True)
    again = run(ASSAY, "plugin", "new", "acme-math", "--directory", str(tmp_path))
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    assert run(ASSAY, "plugin", "new", "Acme_Math", "--directory", str(tmp_path)).returncode == 2


KINDS = {
    "reward": "ends_with",
    "group-reward": "rare_answer",
    "batch-reward": "percentile",
    "estimator": "median_baseline",
    "selector": "spread",
    "environment": "corridor",
}


def write_scaffolds(directory: Path) -> list[str]:
    """A package of every kind; their folders."""
    for kind in Kind:
        write_scaffold(f"acme-{kind.value}", directory, kind)
    return [str(directory / f"acme-{kind}") for kind in KINDS]


def test_the_scaffolds_work_in_an_environment_of_their_own(tmp_path: Path) -> None:
    """The packages and the client are installed by pip; what they depend on is borrowed from this environment."""
    scaffolds = write_scaffolds(tmp_path)
    python = make_venv(tmp_path)
    shutil.copytree(ROOT / "client", tmp_path / "client", ignore=shutil.ignore_patterns("*.egg-info", "build"))
    sources = (str(tmp_path / "client"), *scaffolds)
    pip = run(python, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", *sources)
    assert pip.returncode == 0, pip.stderr
    check_scaffolds(python, tmp_path)


@pytest.mark.full
def test_the_scaffolds_work_in_a_fresh_environment(tmp_path: Path) -> None:
    scaffolds = write_scaffolds(tmp_path)
    venv = tmp_path / "venv"
    assert run(sys.executable, "-m", "venv", str(venv)).returncode == 0
    python = str(venv / "bin" / "python")
    needed = (str(ROOT / "client"), str(ROOT), *(f"{scaffold}[test]" for scaffold in scaffolds))
    pip = run(python, "-m", "pip", "install", "-q", *needed)
    assert pip.returncode == 0, pip.stderr
    check_scaffolds(python, tmp_path)


def make_venv(directory: Path) -> str:
    venv = directory / "venv"
    assert run(sys.executable, "-m", "venv", "--without-pip", str(venv)).returncode == 0
    (site,) = venv.glob("lib/python3*/site-packages")
    borrowed = [sysconfig.get_path("purelib"), str(ROOT / "server"), str(ROOT / "sandboxes")]
    (site / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    return str(venv / "bin" / "python")


CHECKS = """
import sys
from assay_server.cli.plugins_report import check_all, listed_plugins
from assay_server.compute import compute
from assay_server.plugin_computing import PluginComputing
if __name__ == "__main__":
    print(*listed_plugins([], as_json=False), sep="\\n")
    failed = [finding for package in sys.argv[1:] for finding in check_all(package) if not finding.passed]
    print(*failed, sep="\\n")
    with PluginComputing((), execution_timeout=30.0, memory_bytes=1 << 28) as plugins:
        inputs = {"rollouts": [{"group": "g", "reward": 2.0}]}
        print(compute({"id": "acme-estimator/median_baseline", "inputs": inputs}, plugins)["outputs"])
    sys.exit(bool(failed))
"""


def check_scaffolds(python: str, directory: Path) -> None:
    """Their tests pass, and so do they; all in two processes, for most of the time goes into starting them."""
    tests = [str(directory / f"acme-{kind}" / "tests") for kind in KINDS]
    tested = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    script = directory / "checks.py"
    script.write_text(CHECKS)
    checked = run(python, str(script), *(f"acme-{kind}" for kind in KINDS))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for kind, name in KINDS.items():
        line = rf"acme-{kind}/{name}-v1  {kind.replace('-', ' ')}  entry point: acme-{kind} 0\.1\.0"
        assert re.search(line, checked.stdout), checked.stdout
    assert "{'advantages': [0.0]}" in checked.stdout


def test_the_example_of_the_documentation_is_short_and_passes_its_check(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    example = text.partition("```python\n")[2].partition("```")[0]
    assert len(example.strip().splitlines()) <= 10
    assert example in (ROOT / "README.md").read_text(encoding="utf-8")
    file = tmp_path / "mine.py"
    file.write_text(example)
    assert [finding for finding in check_all(str(file)) if not finding.passed] == []
    line = '{"rolloutId":"r1","reference":{"keyword":"cat"},"steps":[{"index":0,"action":"a cat"}]}\n'
    done = subprocess.run(
        [ASSAY, "score", "--plugin", str(file), "--reward", "acme/keyword"],
        input=line,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["score"]["value"] == 1.0
