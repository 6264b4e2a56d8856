from abc import ABC, abstractmethod
from collections.abc import Callable

from verl import DataProto

class RewardManagerBase(ABC):
    def __init__(self, config: object, tokenizer: object, compute_score: Callable[..., object] | None) -> None: ...
    @abstractmethod
    async def run_single(self, data: DataProto) -> dict[str, object]: ...
