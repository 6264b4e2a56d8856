"""What ``assay plugin new`` writes: a package with a plugin, its test, and the entry point that installs it."""

from __future__ import annotations

import re
from pathlib import Path

from assay_server.cli.plugins_templates import TEMPLATES, Kind
from assay_server.cli.refusals import Usage

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "0.1.0"
description = "{article} for Assay."
requires-python = ">=3.10"
dependencies = ["assay-client"]

[project.optional-dependencies]
test = ["pytest"]

[project.entry-points."assay.plugins"]
{name} = "{package}"

[tool.setuptools]
packages = ["{package}"]
"""

_README = """\
# {name}

{article} for Assay.

    pip install -e ".[test]"
    pytest
    assay plugin check {package}
    {use}
"""


def write_scaffold(name: str, directory: Path, kind: Kind = Kind.REWARD) -> list[Path]:
    """The files of a new package with a plugin of this kind, written; their paths.

    Raises:
        Usage: the name is no distribution name, or there is something in its place.
    """
    if not _NAME.fullmatch(name):
        raise Usage(f"{name!r} is no name for a package: lower case letters, digits and single hyphens, e.g. acme-math")
    root = directory / name
    if root.exists():
        raise Usage(f"{root} exists already")
    package = name.replace("-", "_")
    template = TEMPLATES[kind]
    use = template.use.format(name=name, package=package)
    files = {
        "pyproject.toml": _PYPROJECT,
        f"{package}/__init__.py": template.module,
        f"tests/test_{kind.name.lower()}s.py": template.test,
        "README.md": _README,
    }
    written: list[Path] = []
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.format(name=name, package=package, article=template.article, use=use), encoding="utf-8")
        written.append(file)
    return written
