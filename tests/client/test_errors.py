from __future__ import annotations

import pytest

import assay
from assay import errors
from assay._statuses import failure_from, failure_of
from assay.errors import BY_CODE, CODE_NAMES, Failure, error_of
from assay.v1 import rollout_pb2 as v1

from .service import status


@pytest.mark.parametrize("code", range(1, 17))
def test_every_code_has_an_exception_of_one_of_the_two_trees(code: int):
    error = error_of(Failure(code, "why"))
    assert isinstance(error, (errors.ServiceFailed, errors.Misuse, errors.Cancelled))
    assert str(error) == "why"
    assert error.failure.code_name == CODE_NAMES[code]


def test_every_exception_of_the_table_says_the_code_it_stands_for():
    for code, kind in BY_CODE.items():
        assert kind.code == code or code in (2, 11)


def test_an_unknown_code_is_a_fault_of_the_service():
    assert isinstance(error_of(Failure(99, "odd")), errors.Internal)


def test_details_are_read_without_googleapis():
    failure = failure_of(status(3, "bad", "BAD_REWARD", 1.5, "rollouts[3].steps[0].reward"))
    assert (failure.code, failure.message, failure.reason) == (3, "bad", "BAD_REWARD")
    assert failure.retry_after == 1.5
    assert failure.metadata == {"retryable": "false"}
    error = error_of(failure)
    assert isinstance(error, assay.InvalidArgument)
    assert [violation.field for violation in error.violations] == ["rollouts[3].steps[0].reward"]
    assert "rollouts[3].steps[0].reward: is wrong" in str(error)


def test_a_stale_generation_is_told_from_other_preconditions():
    assert isinstance(error_of(failure_of(status(9, reason="STALE_GENERATION"))), assay.StaleGeneration)
    other = error_of(failure_of(status(9, reason="PIN_GONE")))
    assert isinstance(other, assay.FailedPrecondition)
    assert not isinstance(other, assay.StaleGeneration)


def test_resource_exhausted_says_when_to_come_back():
    error = error_of(failure_of(status(8, retry_after=0.25)))
    assert isinstance(error, assay.ResourceExhausted)
    assert error.retry_after == 0.25


@pytest.mark.parametrize(("code", "retryable"), [(14, True), (8, True), (3, False), (13, False)])
def test_without_a_word_from_the_service_the_code_says_whether_a_retry_can_help(code: int, retryable: bool):
    assert Failure(code, "").retryable is retryable


def test_details_that_cannot_be_read_or_contradict_are_left_out():
    broken = v1.Status(code=5, message="gone")
    broken.details.add(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff\xff")
    broken.details.add(type_url="type.googleapis.com/other.Thing", value=b"")
    assert failure_of(broken) == Failure(5, "gone", "", {}, (), None)
    assert failure_from(5, "gone", b"\xff") == Failure(5, "gone")
    assert failure_from(5, "gone", status(14, "other").SerializeToString()) == Failure(5, "gone")
