"""Names and credentials as values."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from assay_server.api.http.access import Names, authorization_of
from assay_server.pipeline.failures import Failure


def test_names_that_an_operator_declares() -> None:
    names = Names("0.0.0.0:8080", ["assay.example", "2001:db8::1"])
    for host in ("assay.example", "ASSAY.example:443", "[2001:db8::1]:80", "localhost"):
        names.check(Headers({"host": host, "origin": f"https://{host}"}))
    for host in ("", "0.0.0.0", "other.example", "[", "::1"):
        with pytest.raises(Failure):
            names.check(Headers({"host": host}))
    Names("192.0.2.7:8080", ()).check(Headers({"host": "192.0.2.7:8080"}))
    Names("", ("*",)).check(Headers({"host": "anything.example"}))


def test_other_credentials_pass_as_they_are() -> None:
    assert authorization_of(Headers({"authorization": "Bearer x"})) == "Bearer x"
    assert authorization_of(Headers({})) == ""
