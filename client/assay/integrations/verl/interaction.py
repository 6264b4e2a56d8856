"""An interaction for verl's multi-turn rollouts (before 0.9): the environment is the user who answers.

It is named in ``multi_turn.interaction_config_path`` and needs no class of verl's, whose contract is four coroutines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast
from uuid import uuid4

from assay.errors import invalid
from assay.integrations.completions import action_of, text_of
from assay.integrations.text_episode import shown
from assay.integrations.verl.playing import Episodes


class EnvironmentInteraction:
    """Plays an environment with the assistant's messages as actions; see :class:`Episodes` for ``config``.

    A message's action is its last ``<action>`` tag, or all of it. Where the service fails the coroutines raise, which
    fails the trajectory: it gets no reward that would be about the service.
    """

    def __init__(self, config: dict[str, object]) -> None:
        self.config = config
        self.name = str(config.get("name", "assay"))
        self._episodes = Episodes(config)
        self._rewards: dict[str, float] = {}

    async def start_interaction(self, instance_id: str | None = None, **kwargs: object) -> str:
        """Start the trajectory's episode from ``interaction_kwargs["seed"]`` of the dataset's row."""
        name = instance_id or uuid4().hex
        await self._episodes.start(name, int(cast("int", kwargs.get("seed", 0))))
        self._rewards[name] = 0.0
        return name

    async def generate_response(
        self, instance_id: str, messages: Sequence[Mapping[str, object]], **kwargs: object
    ) -> tuple[bool, str, float, dict[str, object]]:
        """(over, what is seen, the step's reward, facts) after the last assistant message.

        Raises:
            InvalidArgument: there is none. AssayError: the service failed.
        """
        del kwargs
        said = next((text_of(m.get("content")) for m in reversed(messages) if m.get("role") == "assistant"), None)
        if said is None:
            raise invalid("messages", "expected a message by the assistant")
        turn = await self._episodes.act(instance_id, action_of(said))
        self._rewards[instance_id] += turn.reward
        facts = {"won": turn.won, "action_valid": turn.action_valid, "anchor": turn.anchor.observation}
        return turn.done, shown(turn), turn.reward, cast("dict[str, object]", facts)

    async def calculate_score(self, instance_id: str, **kwargs: object) -> float:
        """The sum of the rewards so far."""
        del kwargs
        return self._rewards[instance_id]

    async def finalize_interaction(self, instance_id: str, **kwargs: object) -> None:
        """End the trajectory's episode."""
        del kwargs
        self._rewards.pop(instance_id, None)
        await self._episodes.end(instance_id)
