"""What a store says of other processes that has none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence

from .changes import Listener
from .protocol import GroupRecord, Pending, RunKey, RunRecord, StoredRollout


class SingleProcess(ABC):
    """A store that one process uses: nobody else does anything to its runs."""

    @property
    def shared(self) -> bool:
        return False

    def follow(self, key: RunKey, listener: Listener) -> Callable[[], None]:
        del key, listener
        return _nothing

    async def pending(self, key: RunKey) -> Pending | None:
        del key
        return None

    @abstractmethod
    async def get_group(self, key: RunKey, group_id: str) -> GroupRecord | None: ...

    async def get_groups(self, key: RunKey, group_ids: Sequence[str]) -> Sequence[GroupRecord | None]:
        return [await self.get_group(key, group_id) for group_id in group_ids]

    @abstractmethod
    async def read_group(self, key: RunKey, group_id: str) -> Sequence[StoredRollout]: ...

    async def read_groups(
        self, key: RunKey, wanted: Sequence[tuple[str, Collection[str]]]
    ) -> Sequence[Sequence[StoredRollout]]:
        found = [await self.read_group(key, group_id) for group_id, _ in wanted]
        return [
            [member for member in members if member.rollout_id not in known]
            for members, (_, known) in zip(found, wanted, strict=True)
        ]

    async def deserted(self) -> Sequence[RunRecord]:
        return ()


def _nothing() -> None:
    """Nobody was told anything."""
