"""Where a server says that others reach it."""

from __future__ import annotations

import pytest

from assay_server.config import Settings
from assay_server.session_fleet import SessionFleet, reached_at


@pytest.mark.parametrize(
    ("advertised", "reached"),
    [
        ("10.0.0.7", "10.0.0.7:50051"),
        ("10.0.0.7:6000", "10.0.0.7:6000"),
        ("assay-1", "assay-1:50051"),
        ("fd00::7", "[fd00::7]:50051"),
        ("[fd00::7]", "[fd00::7]:50051"),
        ("[fd00::7]:6000", "[fd00::7]:6000"),
    ],
)
def test_an_address_without_a_port_has_that_of_the_door(advertised: str, reached: str) -> None:
    assert reached_at(advertised, "0.0.0.0:50051") == reached


def test_a_door_that_nobody_can_reach_is_said_at_the_start() -> None:
    settings = Settings(store="redis://localhost:1/0", listen="unix:/tmp/assay.sock", advertise="10.0.0.7")
    with pytest.raises(ValueError, match="names no port"):
        SessionFleet(settings, lambda: settings.listen)


@pytest.mark.parametrize("changes", [{"store": "memory:", "advertise": "10.0.0.7"}, {"store": "redis://localhost:1/0"}])
def test_who_is_alone_or_not_reached_forwards_nothing(changes: dict[str, str]) -> None:
    assert SessionFleet(Settings().model_copy(update=changes), lambda: "").fleet is None
