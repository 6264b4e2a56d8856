from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay import InvalidArgument, Retries
from assay._reconnecting import Reconnects
from assay._repeats import may_repeat
from assay.connection import Connection, channel_options, is_local, read_token
from assay.errors import Failure
from assay.v1 import reward_service_pb2 as service_pb2


@pytest.mark.parametrize(
    "target",
    ["localhost:50051", "localhost", "127.0.0.1:1", "127.8.0.1:1", "[::1]:50051", "unix:/run/assay.sock",
     "unix:///run/assay.sock", "dns:///localhost:1", "dns://8.8.8.8/localhost:1", "ipv4:127.0.0.1:80"],
)  # fmt: skip
def test_this_machine_is_local(target: str):
    assert is_local(target)


@pytest.mark.parametrize(
    "target",
    ["assay:50051", "10.0.0.1:1", "127.0.0.1.example.org:1", "localhost.example.org:1", "dns:///assay:1", "[::2]:1",
     "127.evil.org:1", "0.0.0.0:1"],
)  # fmt: skip
def test_other_machines_are_not(target: str):
    assert not is_local(target)


def connection(target: str = "localhost:1", token: str | None = None) -> Connection:
    return Connection(target, token, None, 1.0, Retries())


def test_the_token_file_is_read_for_this_machine_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "token"
    monkeypatch.setenv("ASSAY_TOKEN_FILE", str(file))
    assert connection().metadata() == ()
    file.write_text("secret\n")
    assert connection().metadata() == (("authorization", "Bearer secret"),)
    assert connection("assay.example.org:1").metadata() == ()
    assert connection("assay.example.org:1", "key").metadata() == (("authorization", "Bearer key"),)
    assert connection(token="key").metadata() == (("authorization", "Bearer key"),)


def test_without_a_named_file_the_one_in_the_home_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("ASSAY_TOKEN_FILE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_token() is None
    folder = tmp_path / ".config" / "assay"
    folder.mkdir(parents=True)
    (folder / "token").write_text("mine")
    assert read_token() == "mine"
    (folder / "token").write_bytes(b"\xff\xfe")
    assert read_token() is None


@pytest.mark.parametrize("change", [{"target": ""}, {"token": "a\nb"}, {"token": ""}, {"timeout": 0.0}])
def test_bad_connections_are_refused(change: dict[str, str | float]):
    fields: dict[str, str | float | None] = {"target": "x:1", "token": None, "timeout": 1.0, **change}
    with pytest.raises(InvalidArgument):
        Connection(str(fields["target"]), fields["token"], None, float(fields["timeout"] or 0), Retries())  # pyright: ignore[reportArgumentType] - any of the fields


def test_proxies_are_not_asked_for_this_machine():
    assert ("grpc.enable_http_proxy", 0) in channel_options("localhost:1")
    assert ("grpc.enable_http_proxy", 0) not in channel_options("assay:1")
    assert ("grpc.keepalive_time_ms", 30_000) in channel_options("assay:1")


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 100))
def test_delays_grow_stay_bounded_and_respect_what_the_service_asked_for(
    failures: int, draw: float, asked: float | None
):
    retries = Retries()
    delay = retries.delay(failures, draw, asked)
    assert delay >= (asked or 0.0)
    assert delay <= max(asked or 0.0, retries.longest_delay)
    assert delay >= min(retries.longest_delay, retries.first_delay * 2.0 ** min(failures - 1, 30)) * 0.7 - 1e-9


def test_only_what_may_help_is_repeated():
    assert may_repeat(Failure(14, ""))
    assert may_repeat(Failure(8, "", retry_after=1.0))
    assert may_repeat(Failure(1, ""))  # cancelled by a server that stops
    assert not may_repeat(Failure(8, ""))
    assert not any(may_repeat(Failure(code, "", retry_after=1.0)) for code in (2, 3, 4, 5, 9, 10, 13, 16))


def test_several_addresses_take_turns() -> None:
    fleet = Connection("a:1, b:2,c:3", None, None, 1.0, Retries())
    assert fleet.targets == ("a:1", "b:2", "c:3")
    assert Connection("ipv4:10.0.0.1:1,10.0.0.2:1", None, None, 1.0, Retries()).targets == (
        "ipv4:10.0.0.1:1,10.0.0.2:1",
    )
    reconnects = Reconnects(fleet, None, start=2)
    seen = [reconnects.target]
    for _ in range(3):
        reconnects.delay_after(Failure(14, "gone"), 0.0, 0.0)
        seen.append(reconnects.target)
    assert seen == ["c:3", "a:1", "b:2", "c:3"]
    reconnects.delay_after_closing(service_pb2.Closing(reason=service_pb2.CLOSING_REASON_MAX_AGE), 0.0)
    assert (reconnects.target, reconnects.rounds) == ("a:1", 1)


def test_an_empty_address_among_several_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="several of them"):
        Connection("a:1,,b:2", None, None, 1.0, Retries())


def test_a_key_for_this_machine_goes_to_no_fleet_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("secret")
    monkeypatch.setenv("ASSAY_TOKEN_FILE", str(tmp_path / "token"))
    assert Connection("localhost:1,127.0.0.1:2", None, None, 1.0, Retries()).metadata()
    assert not Connection("localhost:1,example.org:2", None, None, 1.0, Retries()).metadata()


def test_a_traceparent_is_passed_on_as_the_caller_gives_it():
    said: list[str | None] = ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None, "", "two\nlines"]
    given = iter(said)
    here = Connection("far.example:1", "key", None, 1.0, Retries(), lambda: next(given))
    sent = [dict(here.metadata()).get("traceparent") for _ in said]
    assert sent == [said[0], None, None, None]
    assert dict(Connection("far.example:1", None, None, 1.0, Retries()).metadata()) == {}
