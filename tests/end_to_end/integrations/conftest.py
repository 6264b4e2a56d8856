"""A service for the integrations' tests, and the trainers' modules where the trainers are not installed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from assay.integrations.service import Service
from assay_server.embedded import Engine

from .contracts import stand_ins


@pytest.fixture(scope="package")
def service() -> Iterator[Service]:
    with Engine() as engine:
        yield Service(engine.target)


@pytest.fixture
def over_stand_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Imports a module of ``assay.integrations`` that needs a trainer over what the trainer's contract says."""
    imported: list[str] = []

    def module(name: str) -> ModuleType:
        full = f"assay.integrations.{name}"
        for needed, stand_in in stand_ins(name).items():
            monkeypatch.setitem(sys.modules, needed, stand_in)
        monkeypatch.delitem(sys.modules, full, raising=False)
        imported.append(full)
        return importlib.import_module(full)

    yield module
    for full in imported:
        sys.modules.pop(full, None)
