"""What may come in: checks a rollout and turns it into the sample that rewards see. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from assay.sdk import Json, Sample, Step
from assay.v1 import reward_service_pb2, rollout_pb2
from assay_server.pipeline.failures import Code, Failure, Violation, invalid, invalid_field

MAX_ID_CHARACTERS = 256
MAX_ROLLOUT_BYTES = 16 * 1024 * 1024
MAX_GROUP_SIZE = 65_536
_MAX_VIOLATIONS = 16
_DTYPES = frozenset({"float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "bool"})

_ID_FIELDS = ("rollout_id", "group_id", "prompt_id", "task_type", "parent_rollout_id")
_COUNT_FIELDS = ("num_tokens", "num_tool_calls", "fork_step", "hint_level", "global_step")

_IN_PROGRESS = rollout_pb2.ROLLOUT_STATE_IN_PROGRESS
_TRUNCATED = rollout_pb2.ROLLOUT_STATE_TRUNCATED
_FINAL_STATES = frozenset(
    {
        rollout_pb2.ROLLOUT_STATE_UNSPECIFIED,
        rollout_pb2.ROLLOUT_STATE_DONE,
        rollout_pb2.ROLLOUT_STATE_FAILED,
        _TRUNCATED,
    }
)


def text_of(content: rollout_pb2.Content) -> str:
    """The text parts of a content, one after the other; chat messages by their text, blobs by their digest."""
    texts = [part.text or _part_text(part) for part in content.parts]
    return texts[0] if len(texts) == 1 else "\n".join(texts)


def _part_text(part: rollout_pb2.Part) -> str:
    match part.WhichOneof("part"):
        case "text":
            return part.text
        case "message":
            return part.message.text
        case "tool_call":
            return f"{part.tool_call.name}({part.tool_call.arguments_json})"
        case "tool_result":
            return part.tool_result.text
        case "blob":
            return f"sha256:{part.blob.sha256}"
        case _:
            return ""


# ---------------------------------------------------------------- JSON fields


def parse_object(text: str, field: str) -> Mapping[str, Json]:
    """The object that a ``*_json`` field holds; not to be changed (it is shared).

    Raises:
        Failure: not JSON, not an object, nested too deeply, or a number that is not finite.
    """
    if not text:
        return {}
    try:
        return _small_object(text) if len(text) <= 4096 else _load_object(text)
    except RecursionError:
        raise invalid_field(field, "nested too deeply") from None
    except ValueError as error:
        raise invalid_field(field, f"expected a JSON object: {error}") from None


def _load_object(text: str) -> Mapping[str, Json]:
    value: Json = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    if not isinstance(value, dict):
        raise ValueError(f"it is a {type(value).__name__}")  # noqa: TRY004 - one error type for all that is wrong
    return value


_small_object = lru_cache(maxsize=8192)(_load_object)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:32]} is out of range")
    return value


# ---------------------------------------------------------------- checks


def check_rollout(rollout: rollout_pb2.Rollout) -> None:
    """Refuse what cannot be judged.

    Raises:
        Failure: INVALID_ARGUMENT with the fields that are wrong.
    """
    violations: list[Violation] = []
    for violation in _violations(rollout):
        violations.append(violation)
        if len(violations) == _MAX_VIOLATIONS:
            break
    if violations:
        first = violations[0]
        raise invalid(f"{first.field}: {first.description}", violations)
    if rollout.ByteSize() > MAX_ROLLOUT_BYTES:
        raise Failure(
            Code.INVALID_ARGUMENT,
            "ROLLOUT_TOO_LARGE",
            f"a rollout may have {MAX_ROLLOUT_BYTES} bytes; put large data into blobs",
            (Violation("", f"{rollout.ByteSize()} bytes"),),
        )


def _violations(rollout: rollout_pb2.Rollout) -> Iterator[Violation]:
    if not rollout.rollout_id:
        yield Violation("rollout_id", "must be given")
    ids = (rollout.rollout_id, rollout.group_id, rollout.prompt_id, rollout.task_type, rollout.parent_rollout_id)
    for name, value in zip(_ID_FIELDS, ids, strict=True):
        if len(value) > MAX_ID_CHARACTERS or not value.isprintable():
            yield Violation(name, f"expected at most {MAX_ID_CHARACTERS} printable characters")
    if not 0 <= rollout.group_size <= MAX_GROUP_SIZE:
        yield Violation("group_size", f"expected 0 to {MAX_GROUP_SIZE}, got {rollout.group_size}")
    if rollout.group_size and not rollout.group_id:
        yield Violation("group_id", "must be given where group_size is")
    counts = (
        rollout.num_tokens, rollout.num_tool_calls, rollout.fork_step, rollout.hint_level, rollout.global_step
    )  # fmt: skip
    if min(counts) < 0:
        named = zip(_COUNT_FIELDS, counts, strict=True)
        yield from (Violation(name, f"must not be negative, got {count}") for name, count in named if count < 0)
    if not rollout.steps and rollout.state not in (_IN_PROGRESS, rollout_pb2.ROLLOUT_STATE_FAILED):
        yield Violation("steps", "a rollout has at least one step")
    yield from step_violations(rollout.steps, 0)
    yield from signal_violations(rollout.signals)


def check_append(append: reward_service_pb2.AppendSteps) -> None:
    """Refuse steps that cannot be taken.

    Raises:
        Failure: INVALID_ARGUMENT with the fields that are wrong.
    """
    violations: list[Violation] = []
    if not append.rollout_id:
        violations.append(Violation("rollout_id", "must be given"))
    if append.from_index < 0:
        violations.append(Violation("from_index", "must not be negative"))
    if append.final and append.state not in _FINAL_STATES:
        violations.append(Violation("state", "a final append says DONE, TRUNCATED or FAILED"))
    violations.extend(step_violations(append.steps, append.from_index))
    violations.extend(signal_violations(append.signals))
    if violations:
        raise invalid(f"{violations[0].field}: {violations[0].description}", violations[:_MAX_VIOLATIONS])


def step_violations(steps: Iterable[rollout_pb2.Step], first_index: int) -> Iterator[Violation]:
    """What is wrong with consecutive steps that begin at ``first_index``."""
    for position, step in enumerate(steps):
        if step.index != first_index + position:
            yield Violation(f"steps[{position}].index", f"expected {first_index + position}, got {step.index}")
        if step.HasField("reward") and not math.isfinite(step.reward):
            yield Violation(f"steps[{position}].reward", "must be finite")
        if step.HasField("anchor") and step.anchor.state_json:
            try:
                json.loads(step.anchor.state_json, parse_constant=_refuse_constant, parse_float=_finite)
            except (ValueError, RecursionError):
                yield Violation(f"steps[{position}].anchor.state_json", "expected a JSON text, not too deeply nested")


def signal_violations(signals: Mapping[str, rollout_pb2.Signal]) -> Iterator[Violation]:
    """What is wrong with named signals."""
    for name, signal in signals.items():
        kind = signal.WhichOneof("signal")
        if kind is None:
            yield Violation(f"signals[{name}]", "has neither a scalar nor a tensor")
        elif kind == "scalar" and not math.isfinite(signal.scalar):
            yield Violation(f"signals[{name}].scalar", "must be finite")
        elif kind == "tensor" and (problem := _tensor_problem(signal.tensor)):
            yield Violation(f"signals[{name}].tensor", problem)


def _tensor_problem(tensor: rollout_pb2.Tensor) -> str:
    if tensor.dtype not in _DTYPES:
        return f"unknown dtype {tensor.dtype[:32]!r}; known are {', '.join(sorted(_DTYPES))}"
    if any(extent < 0 for extent in tensor.shape):
        return "negative extent"
    expected = math.prod(tensor.shape) * np.dtype(tensor.dtype).itemsize
    if expected != len(tensor.data):
        return f"shape and dtype say {expected} bytes, data has {len(tensor.data)}"
    if tensor.dtype.startswith("float") and not np.isfinite(array_of(tensor)).all():
        return "has elements that are not finite"
    return ""


def array_of(tensor: rollout_pb2.Tensor) -> npt.NDArray[np.generic]:
    """The tensor as a read-only view of its bytes."""
    flat: npt.NDArray[np.generic] = np.frombuffer(tensor.data, dtype=np.dtype(tensor.dtype).str.replace(">", "<"))
    return flat.reshape(tuple(tensor.shape))


def signals_of(signals: Mapping[str, rollout_pb2.Signal]) -> dict[str, float | npt.NDArray[np.generic]]:
    """Checked signals as numbers and arrays."""
    return {
        name: signal.scalar if signal.HasField("scalar") else array_of(signal.tensor)
        for name, signal in signals.items()
    }


# ---------------------------------------------------------------- samples


def sample_of(rollout: rollout_pb2.Rollout, reference: Mapping[str, Json], extra: Mapping[str, Json]) -> Sample:
    """A checked rollout as rewards see it; ``reference`` and ``extra`` come from it or from its task."""
    steps = tuple([_step_of(index, step) for index, step in enumerate(rollout.steps)])
    return Sample(
        rollout_id=rollout.rollout_id,
        response=steps[-1].action if steps else "",
        reference=reference,
        task_type=rollout.task_type,
        group_id=rollout.group_id,
        prompt_id=rollout.prompt_id,
        prompt=text_of(rollout.prompt) if rollout.HasField("prompt") else "",
        steps=steps,
        extra=extra,
        num_tokens=rollout.num_tokens if rollout.HasField("num_tokens") else None,
        num_tool_calls=rollout.num_tool_calls if rollout.HasField("num_tool_calls") else None,
        truncated=rollout.state == _TRUNCATED,
        signals=signals_of(rollout.signals) if rollout.signals else {},
        global_step=rollout.global_step,
        seed=rollout.seed,
    )


def _step_of(index: int, step: rollout_pb2.Step) -> Step:
    has = step.HasField
    return Step(
        index=index,
        action=text_of(step.action),
        observation=text_of(step.observation) if has("observation") else "",
        prompt=text_of(step.prompt) if has("prompt") else "",
        reward=step.reward if has("reward") else None,
        done=step.done,
        action_valid=not has("action_valid") or step.action_valid,
        agent_id=step.agent_id,
        policy_version=step.policy_version,
    )
