from __future__ import annotations

from collections.abc import Iterator

import pytest

from .service import Service


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.stop()
