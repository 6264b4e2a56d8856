"""What deploy/kustomize makes: its base, its overlays, and the base with each component."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from .rendering import Objects, render

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPONENTS = sorted(path.name for path in (DEPLOY / "kustomize/components").iterdir())
OVERLAYS = sorted(path.name for path in (DEPLOY / "kustomize/overlays").iterdir())
VARIANTS = ["base", *(f"overlays/{name}" for name in OVERLAYS), *(f"with/{name}" for name in COMPONENTS)]


@pytest.fixture(scope="session")
def kustomize(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of deploy/kustomize with secrets in place, and with a kustomization for each component."""
    deploy = tmp_path_factory.mktemp("deploy") / "deploy"
    shutil.copytree(DEPLOY, deploy, ignore=shutil.ignore_patterns("secrets"))
    folder = deploy / "kustomize"
    subprocess.run([folder / "make-secrets", folder / "overlays/dev/secrets"], check=True)
    for name in COMPONENTS:
        (folder / "with" / name).mkdir(parents=True)
        text = f"resources: [../../base]\ncomponents: [../../components/{name}]\n"
        (folder / "with" / name / "kustomization.yaml").write_text(text)
    return folder


@pytest.fixture(scope="session")
def rendered(kustomize: Path) -> dict[str, Objects]:
    """All variants by name."""
    return {variant: render(kustomize / variant) for variant in VARIANTS}


@pytest.fixture(params=VARIANTS)
def objects(request: pytest.FixtureRequest, rendered: dict[str, Objects]) -> Objects:
    """Each variant in turn."""
    return rendered[str(request.param)]


@pytest.fixture(scope="session")
def base(rendered: dict[str, Objects]) -> Objects:
    """The base."""
    return rendered["base"]
