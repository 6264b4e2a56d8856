"""What may come in: checks a rollout and turns it into the sample that rewards see. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import cast

import numpy as np
import numpy.typing as npt

from assay.sdk import Json, Sample, Step, ToolCall
from assay.v1 import reward_service_pb2, rollout_pb2
from assay_server.pipeline.failures import Code, Failure, Violation, invalid, invalid_field
from assay_server.pipeline.json_fields import NotReadable, parse_json, parse_object

MAX_ID_CHARACTERS = 256
MAX_ROLLOUT_BYTES = 16 * 1024 * 1024
MAX_GROUP_SIZE = 65_536
_MAX_VIOLATIONS = 16
_MAX_DIMENSIONS = 32
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
_STATES = frozenset(rollout_pb2.RolloutState.values())
_DONE = frozenset({rollout_pb2.ROLLOUT_STATE_UNSPECIFIED, rollout_pb2.ROLLOUT_STATE_DONE})
_OF_THE_POLICY = frozenset({rollout_pb2.ROLLOUT_ROLE_UNSPECIFIED, rollout_pb2.ROLLOUT_ROLE_POLICY})
_ACTION = rollout_pb2.Step.DESCRIPTOR.fields_by_name["action"]
_NO_SIGNALS: Mapping[str, float | npt.NDArray[np.generic]] = MappingProxyType({})
_ROLES = frozenset(rollout_pb2.RolloutRole.values())


def text_of(content: rollout_pb2.Content) -> str:
    """The text parts of a content, one after the other; chat messages by their text, blobs by their digest."""
    parts = content.parts
    if len(parts) == 1:
        part = parts[0]
        return part.text or _part_text(part)
    return "\n".join([_part_text(part) for part in parts])


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


# ---------------------------------------------------------------- checks


def check_rollout(rollout: rollout_pb2.Rollout) -> None:
    """Refuse what cannot be judged.

    Raises:
        Failure: INVALID_ARGUMENT with the fields that are wrong.
    """
    if not _flawless(rollout):
        violations = list(islice(_violations(rollout), _MAX_VIOLATIONS))
        if violations:
            first = violations[0]
            raise invalid(f"{first.field}: {first.description}", violations)
    check_size(rollout.ByteSize())


def check_size(size: int) -> None:
    """Refuse a rollout of so many bytes, if they are too many.

    Raises:
        Failure: INVALID_ARGUMENT, ROLLOUT_TOO_LARGE.
    """
    if size > MAX_ROLLOUT_BYTES:
        message = f"a rollout may have {MAX_ROLLOUT_BYTES} bytes, this has {size}; put large data into blobs"
        raise Failure(Code.INVALID_ARGUMENT, "ROLLOUT_TOO_LARGE", message, (Violation("", f"{size} bytes"),))


def _flawless(rollout: rollout_pb2.Rollout) -> bool:
    """Whether it is a finished single-step rollout without a flaw: nearly all are, and looking closer costs."""
    steps = rollout.steps
    if len(steps) != 1 or not rollout.rollout_id or len(rollout.signals):
        return False
    step = steps[0]
    ids = rollout.rollout_id + rollout.group_id + rollout.prompt_id + rollout.task_type + rollout.parent_rollout_id
    return (
        len(ids) <= MAX_ID_CHARACTERS
        and ids.isprintable()
        and not (step.index or step.HasField("reward") or step.HasField("anchor"))
        and 0 <= rollout.group_size <= MAX_GROUP_SIZE
        and (not rollout.group_size or rollout.group_id != "")
        and rollout.num_tokens >= 0
        and rollout.num_tool_calls >= 0
        and rollout.fork_step >= 0
        and rollout.hint_level >= 0
        and rollout.global_step >= 0
        and rollout.role in _ROLES
        and rollout.state in _STATES
    )


def _violations(rollout: rollout_pb2.Rollout) -> Iterator[Violation]:
    if not rollout.rollout_id:
        yield Violation("rollout_id", "must be given")
    ids = (rollout.rollout_id, rollout.group_id, rollout.prompt_id, rollout.task_type, rollout.parent_rollout_id)
    for name, value in zip(_ID_FIELDS, ids, strict=True):
        if not _is_id(value):
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
    if rollout.role not in _ROLES:
        yield Violation("role", f"unknown value {rollout.role}")
    if rollout.state not in _STATES:
        yield Violation("state", f"unknown value {rollout.state}")
    if not rollout.steps and rollout.state not in (_IN_PROGRESS, rollout_pb2.ROLLOUT_STATE_FAILED):
        yield Violation("steps", "a rollout has at least one step")
    yield from step_violations(rollout.steps, 0)
    yield from signal_violations(rollout.signals)


def check_id(value: str, path: str) -> None:
    """Refuse what cannot name a group, a barrier or a consumer.

    Raises:
        Failure: INVALID_ARGUMENT.
    """
    if not value:
        raise invalid_field(path, "must be given")
    if not _is_id(value):
        raise invalid_field(path, f"expected at most {MAX_ID_CHARACTERS} printable characters")


def _is_id(value: str) -> bool:
    return len(value) <= MAX_ID_CHARACTERS and value.isprintable()


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
    if append.final and not append.from_index and not append.steps and append.state != rollout_pb2.ROLLOUT_STATE_FAILED:
        violations.append(Violation("steps", "a rollout has at least one step"))
    if append.num_tokens < 0:
        violations.append(Violation("num_tokens", f"must not be negative, got {append.num_tokens}"))
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
                parse_json(step.anchor.state_json)
            except NotReadable as error:
                yield Violation(f"steps[{position}].anchor.state_json", f"expected a JSON text: {error}")


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
    if len(tensor.shape) > _MAX_DIMENSIONS:
        return f"{len(tensor.shape)} dimensions; at most {_MAX_DIMENSIONS}"
    if any(extent < 0 for extent in tensor.shape):
        return "negative extent"
    if math.prod(extent or 1 for extent in tensor.shape) > MAX_ROLLOUT_BYTES:  # numpy refuses such shapes, also empty
        return f"more than {MAX_ROLLOUT_BYTES} elements"
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


def plain_sample(rollout: rollout_pb2.Rollout) -> Sample | None:
    """The sample of a plain rollout, checked; None for all others.

    Plain is a finished single step of plain text by the policy itself, without a flaw, a task elsewhere, a signal, a
    fork or a hint: nearly all rollouts are, and every look at a message costs.
    """
    listed = rollout.steps
    if len(listed) != 1 or len(rollout.signals) or rollout.state not in _DONE or rollout.role not in _OF_THE_POLICY:
        return None
    fields = listed[0].ListFields()
    if len(fields) != 1 or fields[0][0] is not _ACTION:
        return None
    parts = cast("rollout_pb2.Content", fields[0][1]).parts
    text = parts[0].text if len(parts) == 1 else ""
    rollout_id, group_id, prompt_id = rollout.rollout_id, rollout.group_id, rollout.prompt_id
    task_type, group_size, step, has = rollout.task_type, rollout.group_size, rollout.global_step, rollout.HasField
    num_tokens = rollout.num_tokens if has("num_tokens") else None
    num_tool_calls = rollout.num_tool_calls if has("num_tool_calls") else None
    ids = rollout_id + group_id + prompt_id + task_type
    if (
        not (text and rollout_id and len(ids) <= MAX_ID_CHARACTERS and ids.isprintable() and step >= 0)
        or (group_size and not (0 < group_size <= MAX_GROUP_SIZE and group_id))
        or (num_tokens or 0) < 0
        or (num_tool_calls or 0) < 0
        or rollout.parent_rollout_id
        or rollout.fork_step
        or rollout.hint_level
        or rollout.task_digest
        or rollout.initial_state_digest
    ):
        return None
    try:
        reference = parse_object(rollout.reference_json, "reference_json")
        extra = parse_object(rollout.extra_json, "extra_json")
    except Failure:
        return None  # who scores it says so
    return Sample(
        rollout_id,
        text,
        reference,
        task_type,
        group_id,
        prompt_id,
        text_of(rollout.prompt) if has("prompt") else "",
        (Step(0, text),),
        extra,
        num_tokens,
        num_tool_calls,
        False,
        _NO_SIGNALS,
        step,
        rollout.seed,
    )


def sample_of(rollout: rollout_pb2.Rollout, reference: Mapping[str, Json], extra: Mapping[str, Json]) -> Sample:
    """A checked rollout as rewards see it; ``reference`` and ``extra`` come from it or from its task."""
    steps = tuple([_step_of(index, step) for index, step in enumerate(rollout.steps)])
    has = rollout.HasField
    return Sample(
        rollout.rollout_id,
        steps[-1].action if steps else "",
        reference,
        rollout.task_type,
        rollout.group_id,
        rollout.prompt_id,
        text_of(rollout.prompt) if has("prompt") else "",
        steps,
        extra,
        rollout.num_tokens if has("num_tokens") else None,
        rollout.num_tool_calls if has("num_tool_calls") else None,
        rollout.state == _TRUNCATED,
        signals_of(rollout.signals),
        rollout.global_step,
        rollout.seed,
    )


def _step_of(index: int, step: rollout_pb2.Step) -> Step:
    has = step.HasField
    parts = step.action.parts
    plain = parts[0].text if len(parts) == 1 else ""  # as nearly all are; reading a field costs
    return Step(
        index,
        plain or text_of(step.action),
        text_of(step.observation) if has("observation") else "",
        text_of(step.prompt) if has("prompt") else "",
        step.reward if has("reward") else None,
        step.done,
        not has("action_valid") or step.action_valid,
        step.agent_id,
        step.policy_version,
        _tool_calls_of(step, () if plain else parts),
    )


def _tool_calls_of(step: rollout_pb2.Step, parts: Iterable[rollout_pb2.Part]) -> tuple[ToolCall, ...]:
    """The step's own list of calls, else those that its action holds as parts or in chat messages."""
    calls = list(step.tool_calls)
    if not calls:
        for part in parts:
            if not part.text:
                calls += part.message.tool_calls if part.HasField("message") else ()
                calls += (part.tool_call,) if part.HasField("tool_call") else ()
    return tuple([ToolCall(call.name, call.arguments_json) for call in calls]) if calls else ()
