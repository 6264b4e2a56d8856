"""Parsing and admission at the door."""

from __future__ import annotations

import pytest

from assay.v1 import reward_service_pb2 as wire
from assay_server.api.handlers import Admission, parse
from assay_server.pipeline.failures import Code, Failure


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xff\xfe", b"\x07"])
def test_bytes_that_are_no_message_are_refused_in_words_of_our_own(data: bytes) -> None:
    with pytest.raises(Failure) as caught:
        parse(wire.ListRewardsRequest, data)
    assert (caught.value.code, caught.value.reason) == (Code.INVALID_ARGUMENT, "UNDECODABLE")
    assert "assay.v1.ListRewardsRequest" in caught.value.message


def test_calls_beyond_the_limit_are_refused_at_once_and_places_are_given_back() -> None:
    admission = Admission(2)
    for _ in range(3):
        with admission, admission:
            with pytest.raises(Failure) as caught, admission:
                pass
            assert (caught.value.code, caught.value.reason) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED")
            assert caught.value.retry_after
