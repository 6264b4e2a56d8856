"""A tool of verl's agent loop that plays an environment of the service: each call is an action.

verl makes and releases a tool for each call, so an episode belongs to the trajectory (the loop's request id) and ends
when it is over, or at the service when nobody has acted for the idle timeout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast, runtime_checkable
from uuid import uuid4

from verl.tools.base_tool import BaseTool
from verl.tools.schemas import OpenAIFunctionToolSchema, ToolResponse

from assay.errors import AssayError
from assay.integrations.text_episode import Turn, shown
from assay.integrations.verl.playing import Episodes

ACTION = {
    "type": "function",
    "function": {
        "name": "act",
        "description": "Do something in the environment; answers with what is seen then.",
        "parameters": {
            "type": "object",
            "properties": {"action": {"type": "string", "description": "what to do, in the environment's words"}},
            "required": ["action"],
        },
    },
}


@runtime_checkable
class Trajectory(Protocol):
    """What is read of the agent loop's data."""

    @property
    def request_id(self) -> str: ...


class EnvironmentTool(BaseTool):
    """Plays an environment. Its reward for a call is the step's; a call that the service failed on has none."""

    def __init__(self, config: dict[str, object], tool_schema: OpenAIFunctionToolSchema | None = None) -> None:
        """Made by verl; see :class:`assay.integrations.verl.playing.Episodes` for ``config``."""
        super().__init__(config, tool_schema or OpenAIFunctionToolSchema.model_validate(ACTION))
        self._episodes = Episodes(config)
        self._seeds: dict[str, int] = {}

    async def create(self, instance_id: str | None = None, **kwargs: object) -> tuple[str, ToolResponse]:
        """Note the seed: ``tools_kwargs[tool]["create_kwargs"]["seed"]`` of the dataset's row; equal in a group."""
        name = instance_id or uuid4().hex
        given = cast("Mapping[str, object]", kwargs.get("create_kwargs") or kwargs)
        self._seeds[name] = int(cast("int", given.get("seed", 0)))
        return name, ToolResponse()

    async def execute(
        self, instance_id: str, parameters: dict[str, object], **kwargs: object
    ) -> tuple[ToolResponse, float | None, dict[str, object]]:
        """Act. The reward is None where there is none: the service failed, or the episode was over."""
        trajectory = kwargs.get("agent_data")
        name = trajectory.request_id if isinstance(trajectory, Trajectory) else instance_id
        try:
            if name not in self._episodes:
                await self._episodes.start(name, self._seeds[instance_id])
            if self._episodes.turn(name).done:
                return ToolResponse(text="The episode is over."), None, {"assay_over": True}
            turn = await self._episodes.act(name, str(parameters.get("action", "")))
        except AssayError as error:
            await self._episodes.end(name)
            return ToolResponse(text="The environment failed."), None, {"assay_failure": str(error)}
        return ToolResponse(text=shown(turn)), turn.reward, _facts(turn)

    async def release(self, instance_id: str, **kwargs: object) -> None:
        """Forget a call; ends the episode where verl made the tool for a whole trajectory."""
        del kwargs
        self._seeds.pop(instance_id, None)
        await self._episodes.end(instance_id)


def _facts(turn: Turn) -> dict[str, object]:
    return {"won": turn.won, "done": turn.done, "action_valid": turn.action_valid, "anchor": turn.anchor.observation}
