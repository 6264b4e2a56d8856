from collections.abc import Mapping
from typing import Protocol, overload

class _Tensor(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...
    def __getitem__(self, key: slice) -> _Tensor: ...
    def sum(self) -> _Tensor: ...
    def __int__(self) -> int: ...

class DataProtoItem:
    batch: Mapping[str, _Tensor]
    non_tensor_batch: Mapping[str, object]

class DataProto:
    batch: Mapping[str, _Tensor]
    non_tensor_batch: Mapping[str, object]
    @overload
    def __getitem__(self, key: slice) -> DataProto: ...
    @overload
    def __getitem__(self, key: int) -> DataProtoItem: ...
