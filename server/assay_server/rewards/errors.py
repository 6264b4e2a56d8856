"""What can be wrong with a reward spec, as opposed to a sample that could not be scored.

::

    RewardError
    ├── UnknownReward        no reward of that name; carries the nearest ones
    ├── UnknownJudge         no judging model of that name; likewise
    ├── SpecError            a field of the spec is not usable; carries its path
    └── DefinitionConflict   another definition already has that id or alias
"""

from __future__ import annotations


class RewardError(Exception):
    """A reward spec or a definition is not usable."""


class UnknownReward(RewardError):
    """No reward has this name, or none that fits where it stands.

    Attributes:
        name: as it was asked for.
        nearest: existing names, the most similar first; may be empty.
    """

    def __init__(self, name: str, nearest: tuple[str, ...], instead: str = "") -> None:
        hint = f"; nearest: {', '.join(nearest)}" if nearest else f"; {instead}" if instead else ""
        super().__init__(f"no reward is called {name[:100]!r}{hint}")
        self.name = name
        self.nearest = nearest


class UnknownJudge(RewardError):
    """The operator has no judge of this name.

    Attributes:
        name: as it was asked for.
        nearest: existing names, the most similar first; may be empty.
    """

    def __init__(self, name: str, nearest: tuple[str, ...]) -> None:
        hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
        super().__init__(f"the operator has no judge called {name[:80]!r}{hint}")
        self.name = name
        self.nearest = nearest


class SpecError(RewardError):
    """A field of a reward spec is not usable.

    Attributes:
        field: its path, e.g. ``reward.weighted_sum.terms[1].reward.leaf.params``.
        message: what was expected and what came.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class DefinitionConflict(RewardError):
    """An id or alias already belongs to another definition.

    Attributes:
        name: the id or alias.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
