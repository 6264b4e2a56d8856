"""Any registered Gymnasium environment as episodes of text.

Observations are shown as JSON, or as the environment's own drawing for terminals where it has one; actions are numbers,
names, or JSON that the action space contains. Needs the extra ``environments``.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, SupportsInt, cast

import numpy as np

from assay.sdk import Json
from assay_server.environments.definition import EnvironmentDefinition
from assay_server.environments.protocol import EpisodeOver, InvalidOptions, ResetResult, StepResult

MAX_STEPS = 100_000
_MAX_ACTION_CHARACTERS = 10_000
_MAX_LISTED_ACTIONS = 1_000
_DEEPEST = 8
_STATE_NAMES = ("s", "state")
_ESCAPE = re.compile(r"\x1b\[([\d;]{0,20})m")
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_KNOWN_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "CartPole": ("left", "right"),
    "CliffWalking": ("up", "right", "down", "left"),
    "FrozenLake": ("left", "down", "right", "up"),
    "FrozenLake8x8": ("left", "down", "right", "up"),
    "MountainCar": ("left", "nothing", "right"),
    "Taxi": ("south", "north", "east", "west", "pickup", "dropoff"),
}

OPTIONS_SCHEMA: Mapping[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["env"],
    "properties": {
        "env": {"type": "string", "description": "A registered id, e.g. FrozenLake-v1."},
        "kwargs": {"type": "object", "description": "What the environment is made with."},
        "actions": {"type": "array", "items": {"type": "string"}, "description": "Names of discrete actions."},
        "show": {"enum": ["drawing", "observation"], "description": "Default: the drawing, where there is one."},
        "winReward": {
            "type": "number",
            "description": "An episode that ends by a step with this reward or more is won.",
        },
        "maxSteps": {"type": "integer", "minimum": 1, "maximum": MAX_STEPS},
    },
}


class _Space(Protocol):
    def contains(self, x: object) -> bool: ...


class _Environment(Protocol):
    """What is used of ``gymnasium.Env``."""

    action_space: _Space
    metadata: Mapping[str, object]
    unwrapped: object

    def reset(self, *, seed: int) -> tuple[object, Mapping[str, object]]: ...
    def step(self, action: object) -> tuple[object, float, bool, bool, Mapping[str, object]]: ...
    def render(self) -> object: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Options:
    env: str
    kwargs: Mapping[str, Json]
    actions: tuple[str, ...]
    show: Literal["", "drawing", "observation"]
    win_reward: float | None
    max_steps: int | None


class GymnasiumEpisode:
    """One Gymnasium environment at a time.

    A step is won where the environment says ``is_success``, or ends with the option ``winReward``. An action that the
    action space, or the environment's ``action_mask``, does not hold is not executed and costs a step. The state digest
    covers the observation and what the environment calls its state (``s`` or ``state``), not its random generator: of
    an environment that shows and tells neither, equal digests need not mean equal states.
    """

    def __init__(self) -> None:
        self._environment: _Environment | None = None
        self._options: _Options | None = None
        self._names: tuple[str, ...] = ()
        self._drawn = False
        self._observation: Json = None
        self._info: Mapping[str, object] = {}
        self._steps = 0
        self._over = True

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Make the environment, or take the one at hand where the options are the same, and seed it."""
        read = _read_options(options)
        if self._environment is None or read != self._options:
            self.close()
            self._environment, self._drawn = _made(read)
            self._options = read
            self._names = _action_names(read, self._environment.action_space)
        observation, self._info = self._environment.reset(seed=seed % 2**63)
        self._observation, self._steps, self._over = _as_json(observation), 0, False
        return ResetResult(self._shown(self._environment), self.state_digest())

    def step(self, action: str) -> StepResult:
        """Take an action."""
        environment, options = self._live()
        taken = self._action_of(action, environment.action_space)
        self._steps += 1
        reward, terminated, truncated, won = 0.0, False, False, False
        if taken is not None:
            observation, earned, terminated, truncated, self._info = environment.step(taken)
            self._observation, reward = _as_json(observation), float(earned)
            won = bool(self._info.get("is_success")) or (
                terminated and options.win_reward is not None and reward >= options.win_reward
            )
        truncated = not terminated and (
            truncated or (options.max_steps is not None and self._steps >= options.max_steps)
        )
        self._over = bool(terminated or truncated)
        return StepResult(
            observation=self._shown(environment),
            reward=reward,
            action_valid=taken is not None,
            executed=taken is not None,
            won=won,
            task_score=1.0 if won else 0.0,
            terminated=bool(terminated),
            truncated=bool(truncated),
            stop_reason="won" if won else "finished" if terminated else "max_steps" if truncated else "",
        )

    def anchor(self) -> str:
        """The observation as JSON."""
        self._known()
        return json.dumps(self._observation, sort_keys=True)

    def state_digest(self) -> str:
        """sha256 over the environment, its observation and what it calls its state."""
        environment, options = self._known()
        state = next((getattr(environment.unwrapped, name, None) for name in _STATE_NAMES), None)
        text = json.dumps([options.env, dict(options.kwargs), self._observation, _as_json(state)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        """The names of discrete actions that the mask allows; empty where the actions cannot be listed."""
        if self._over:
            return ()
        mask = self._mask()
        return tuple(name for number, name in enumerate(self._names) if mask is None or mask[number])

    def close(self) -> None:
        """Close the environment."""
        if self._environment is not None:
            self._environment.close()
        self._environment, self._options, self._over = None, None, True

    def _known(self) -> tuple[_Environment, _Options]:
        if self._environment is None or self._options is None:
            raise EpisodeOver("there is no episode: call reset() first")
        return self._environment, self._options

    def _live(self) -> tuple[_Environment, _Options]:
        known = self._known()
        if self._over:
            raise EpisodeOver("the episode is over: call reset() to start another")
        return known

    def _shown(self, environment: _Environment) -> str:
        if self._drawn:
            return untinted(str(environment.render()))
        return json.dumps(self._observation, sort_keys=True)

    def _mask(self) -> Sequence[bool] | None:
        mask = _as_json(self._info.get("action_mask"))
        return cast("list[bool]", mask) if isinstance(mask, list) and len(mask) == len(self._names) else None

    def _action_of(self, text: str, space: _Space) -> object:
        """What a text means to the action space; None = nothing that may be done now."""
        stripped = text.strip()
        if stripped in self._names:
            number = self._names.index(stripped)
        elif len(stripped) > _MAX_ACTION_CHARACTERS:
            return None
        else:
            try:
                value = cast("Json", json.loads(stripped))
            except (ValueError, RecursionError):
                return None
            if not (self._names and isinstance(value, int) and not isinstance(value, bool)):
                return _contained(value, space)
            number = value - _start_of(space)
        mask = self._mask()
        if not 0 <= number < len(self._names) or (mask is not None and not mask[number]):
            return None
        return number + _start_of(space)


def untinted(drawing: str) -> str:
    """A drawing for terminals with its colours as tags: ``<red>S</red>``; backgrounds and highlights too."""
    parts: list[str] = []
    tag, end = "", 0
    for escape in _ESCAPE.finditer(drawing):
        parts.append(drawing[end : escape.start()])
        end = escape.end()
        if tag:
            parts.append(f"</{tag}>")
        colours = [_colour(code) for code in str(escape.group(1)).split(";")]
        tag = next((colour for colour in colours if colour), "")
        if tag:
            parts.append(f"<{tag}>")
    return "".join([*parts, drawing[end:]])


def _colour(code: str) -> str:
    tens, units = divmod(int(code or 0), 10)
    return _COLOURS[units] if tens in (3, 4, 9, 10) and units < len(_COLOURS) else ""


def _made(options: _Options) -> tuple[_Environment, bool]:
    try:
        import gymnasium
    except ImportError as error:
        hint = "Gymnasium is not installed here; install assay-server[environments]"
        raise InvalidOptions("env", hint) from error
    # An id with a module ("package:Name-v0") would import what the request names.
    if options.env not in gymnasium.registry:
        raise InvalidOptions("env", f"no Gymnasium environment is registered as {options.env[:80]!r}")
    modes = getattr(gymnasium.registry[options.env], "kwargs", {})
    if "render_mode" in options.kwargs or "render_mode" in modes:
        raise InvalidOptions("kwargs", "render_mode is chosen by the option show")
    try:
        made = gymnasium.make(options.env, disable_env_checker=True, **options.kwargs)  # type: ignore[arg-type] - keywords as they came
        drawable = "ansi" in (made.metadata.get("render_modes") or ())
        if options.show == "observation" or not drawable:
            if options.show == "drawing":
                raise InvalidOptions("show", f"{options.env} has no drawing for terminals")
            return cast("_Environment", made), False
        made.close()
        drawn = gymnasium.make(options.env, disable_env_checker=True, render_mode="ansi", **options.kwargs)  # type: ignore[arg-type] - as above
    except (TypeError, ValueError, AssertionError, LookupError, gymnasium.error.Error, ImportError) as error:
        raise InvalidOptions("env", f"{options.env} cannot be made: {error}") from error
    return cast("_Environment", drawn), True


def _action_names(options: _Options, space: _Space) -> tuple[str, ...]:
    count = getattr(space, "n", None)
    count = int(count) if isinstance(count, SupportsInt) else 0
    if not 0 < count <= _MAX_LISTED_ACTIONS:
        if options.actions:
            raise InvalidOptions("actions", f"the actions of {options.env} are not discrete: {space}")
        return ()
    names = options.actions or _KNOWN_ACTIONS.get(options.env.rpartition("-v")[0], ())
    if options.actions and len(names) != count:
        raise InvalidOptions("actions", f"{options.env} has {count} actions, got {len(names)} names")
    start = _start_of(space)
    return names if len(names) == count else tuple(str(start + number) for number in range(count))


def _start_of(space: _Space) -> int:
    return int(getattr(space, "start", 0))


def _contained(value: Json, space: _Space) -> object:
    """A JSON value as the space holds it."""
    kind, shape = getattr(space, "dtype", None), getattr(space, "shape", None)
    candidate: object = value
    if shape and kind is not None:
        try:
            candidate = np.asarray(value, dtype=kind)
        except (ValueError, TypeError, OverflowError):
            return None
    return candidate if space.contains(candidate) else None


def _as_json(value: object, depth: int = 0) -> Json:
    """An observation as JSON values."""
    if isinstance(value, np.ndarray | np.generic):
        return cast("Json", value.tolist())
    if depth < _DEEPEST and isinstance(value, dict):
        return {str(key): _as_json(item, depth + 1) for key, item in cast("dict[object, object]", value).items()}
    if depth < _DEEPEST and isinstance(value, tuple | list):
        return [_as_json(item, depth + 1) for item in cast("Sequence[object]", value)]
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _read_options(given: Mapping[str, Json]) -> _Options:
    known = cast("Mapping[str, Json]", OPTIONS_SCHEMA["properties"])
    for name in given:
        if name not in known:
            raise InvalidOptions(name, f"unknown; there are {', '.join(known)}")
    env, kwargs, actions, show = (given.get(name) for name in ("env", "kwargs", "actions", "show"))
    if not isinstance(env, str):
        raise InvalidOptions("env", f"expected the id of an environment, got {env!r}")
    if not isinstance(kwargs, dict | None):
        raise InvalidOptions("kwargs", "expected an object")
    if actions is not None and not (isinstance(actions, list) and all(isinstance(name, str) for name in actions)):
        raise InvalidOptions("actions", "expected a list of names")
    if show not in (None, "drawing", "observation"):
        raise InvalidOptions("show", f"expected drawing or observation, got {show!r}")
    return _Options(
        env=env,
        kwargs=kwargs or {},
        actions=tuple(cast("list[str]", actions or [])),
        show=show or "",
        win_reward=_number(given, "winReward"),
        max_steps=_step_limit(given.get("maxSteps")),
    )


def _number(given: Mapping[str, Json], name: str) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidOptions(name, f"expected a number, got {value!r}")
    return float(value)


def _step_limit(value: Json) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_STEPS:
        raise InvalidOptions("maxSteps", f"expected an integer from 1 to {MAX_STEPS}, got {value!r}")
    return value


GYMNASIUM = EnvironmentDefinition(
    id="assay/gymnasium-v1",
    make=GymnasiumEpisode,
    summary="Any registered Gymnasium environment, e.g. FrozenLake-v1, Taxi-v4, CartPole-v1.",
    options=OPTIONS_SCHEMA,
    aliases=("gymnasium",),
    doc=inspect.getdoc(GymnasiumEpisode) or "",
)
