"""Messages that hypothesis makes from the contract's descriptors, and shrinks where one is answered as none may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Final, cast

import grpc
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from assay.v1 import rollout_pb2
from assay_server.api.methods import path_of
from assay_server.pipeline.failures import Code

from .messages import methods
from .parts import refusal_of
from .target import NEVER, check_answer

_DEEP: Final = 4
_SECONDS: Final = 60.0
UNWELL: Final = (
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
)
"""What hypothesis shall not mind of messages: they are large and slow to make."""

_UNHEALTHY: Final = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED})

Fields = dict[str, object]

_SCALARS: Final[Mapping[int, st.SearchStrategy[object]]] = {
    **dict.fromkeys((FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32), st.integers(-(2**31), 2**31 - 1)),
    **dict.fromkeys((FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64), st.integers(-(2**63), 2**63 - 1)),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32), st.integers(0, 2**32 - 1)),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64), st.integers(0, 2**64 - 1)),
    FieldDescriptor.TYPE_DOUBLE: st.floats(),
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=64),
    FieldDescriptor.TYPE_STRING: st.text(max_size=40).filter(
        lambda text: not any("\ud800" <= c <= "\udfff" for c in text)
    ),
    FieldDescriptor.TYPE_ENUM: st.integers(-1, 12),
}


@cache
def requests(descriptor: Descriptor, depth: int = 0) -> st.SearchStrategy[Message]:
    """Any message of a type; what lies deep is left out."""
    kind = GetMessageClass(descriptor)
    optional = {
        str(one.name): _values(one, depth) for one in descriptor.fields if one.message_type is None or depth < _DEEP
    }
    return st.fixed_dictionaries({}, optional=optional).map(lambda fields: _made(kind, fields))


def _made(kind: type[Message], fields: Fields) -> Message:
    """Of alternatives the last that was given counts."""
    return kind(**fields)


def _values(one: FieldDescriptor, depth: int) -> st.SearchStrategy[object]:
    entry = one.message_type
    if entry is not None and entry.GetOptions().map_entry:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        return st.dictionaries(_SCALARS[int(key.type)], _value(value, depth), max_size=2)
    single = _value(one, depth)
    return st.lists(single, max_size=2) if one.is_repeated else single


def _value(one: FieldDescriptor, depth: int) -> st.SearchStrategy[object]:
    if one.message_type is not None:
        return st.deferred(lambda: requests(one.message_type, depth + 1))
    return _SCALARS[int(one.type)]


def conversations() -> list[MethodDescriptor]:
    """The methods to ask."""
    return methods()


def assert_answered(address: str, token: str, asked: Iterable[MethodDescriptor], examples: int) -> None:
    """Every method answers what is made up for it, or says why not."""
    with grpc.insecure_channel(address) as channel:
        for method in asked:
            _try(channel, token, method, examples)


def _try(channel: grpc.Channel, token: str, method: MethodDescriptor, examples: int) -> None:
    call = _call_of(channel, token, method)
    answered = GetMessageClass(method.output_type)

    @settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=UNWELL,
    )
    @given(st.lists(requests(method.input_type), min_size=1, max_size=3 if method.client_streaming else 1))
    def one(messages: list[Message]) -> None:
        try:
            for data in call([message.SerializeToString() for message in messages]):
                check_answer(answered.FromString(data))
        except grpc.RpcError as error:
            _check_refusal(cast("grpc.Call", error))

    one()


def _call_of(channel: grpc.Channel, token: str, method: MethodDescriptor) -> Callable[[list[bytes]], Iterable[bytes]]:
    path, metadata = path_of(method), (("authorization", f"Bearer {token}"),)
    if method.client_streaming:
        both = cast("Callable[..., Iterable[bytes]]", channel.stream_stream(path))
        return lambda messages: both(iter(messages), metadata=metadata, timeout=_SECONDS)
    if method.server_streaming:
        many = cast("Callable[..., Iterable[bytes]]", channel.unary_stream(path))
        return lambda messages: many(messages[0], metadata=metadata, timeout=_SECONDS)
    single = cast("Callable[..., bytes]", channel.unary_unary(path))
    return lambda messages: [single(messages[0], metadata=metadata, timeout=_SECONDS)]


def _check_refusal(error: grpc.Call) -> None:
    trailing = dict(error.trailing_metadata() or ())
    details = trailing.get("grpc-status-details-bin")
    assert isinstance(details, bytes), (error.code(), error.details())
    refusal = refusal_of(rollout_pb2.Status.FromString(details))
    assert refusal.code not in NEVER | _UNHEALTHY, refusal
