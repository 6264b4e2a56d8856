"""What only the trainer can know, by name: scalars, and tensors as dtype + shape + bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from assay.errors import invalid
from assay.v1 import rollout_pb2 as v1

Array: TypeAlias = npt.NDArray[np.generic]
NestedNumbers: TypeAlias = "Sequence[float] | Sequence[NestedNumbers]"
SignalValue: TypeAlias = "float | np.generic | Array | NestedNumbers | v1.Signal"
"""A number, an array (or anything numpy reads, such as a CPU torch tensor), nested lists, or a ready message."""

_WIRE_DTYPES: Mapping[str, np.dtype[np.generic]] = MappingProxyType(
    {
        "float32": np.dtype("<f4"),
        "float64": np.dtype("<f8"),
        "int32": np.dtype("<i4"),
        "int64": np.dtype("<i8"),
        "bool": np.dtype("?"),
    }
)
_WIDER: Mapping[str, str] = MappingProxyType(
    {"float16": "float32", "int8": "int32", "int16": "int32", "uint8": "int32", "uint16": "int32", "uint32": "int64"}
)


def fill_signal(target: v1.Signal, value: SignalValue, field: str) -> None:
    """Write ``value`` into a signal message.

    float16 is sent as float32 and small integers as int32; nothing is narrowed. Lists become int64, float64 or bool.

    Raises:
        InvalidArgument: a scalar is not finite, a list is ragged, or a dtype has no lossless form on the wire.
    """
    if isinstance(value, (float, int, np.floating, np.integer)):
        number = float(cast("float", value))
        if not math.isfinite(number):
            raise invalid(field, f"expected a finite number, got {value!r}")
        target.scalar = number
    elif isinstance(value, v1.Signal):
        target.CopyFrom(value)
    else:
        fill_tensor(target.tensor, array_of(value, field))


def _dtype_name(array: Array) -> str:
    return cast("str", array.dtype.name)


def array_of(value: object, field: str) -> Array:
    """``value`` as an array of a dtype that the wire knows, little-endian and C-contiguous."""
    try:
        array: Array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise invalid(field, f"cannot be read as an array: {error}") from error
    name = _dtype_name(array)
    if array.dtype == object or (name not in _WIRE_DTYPES and name not in _WIDER):
        listed = ", ".join(sorted(_WIRE_DTYPES.keys() | _WIDER.keys()))
        raise invalid(field, f"expected a rectangular array of {listed}, got dtype {name}")
    return np.asarray(array, dtype=_WIRE_DTYPES[_WIDER.get(name, name)], order="C")


def fill_tensor(target: v1.Tensor, array: Array) -> None:
    """Write an array that :func:`array_of` made into a tensor message."""
    target.dtype = _dtype_name(array)
    target.shape.extend(array.shape)
    target.data = array.tobytes()


def read_tensor(tensor: v1.Tensor) -> Array:
    """The read-only array of a tensor message.

    Raises:
        ValueError: unknown dtype, or shape and data do not agree.
    """
    dtype = _WIRE_DTYPES.get(tensor.dtype)
    if dtype is None:
        raise ValueError(f"unknown dtype {tensor.dtype!r}")
    if any(size < 0 for size in tensor.shape):
        raise ValueError("negative size in shape")
    if math.prod(tensor.shape) * dtype.itemsize != len(tensor.data):
        raise ValueError(f"{len(tensor.data)} bytes do not fill shape {list(tensor.shape)} of {tensor.dtype}")
    return np.frombuffer(tensor.data, dtype=dtype).reshape(tuple(tensor.shape))
