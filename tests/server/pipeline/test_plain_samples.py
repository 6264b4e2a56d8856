"""A plain rollout is read once: what is read of it is what the long way says, and nothing else counts as plain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk import Verdict
from assay.v1 import rollout_pb2 as wire
from assay_server.pipeline.failures import Failure
from assay_server.pipeline.intake import check_rollout, plain_sample, sample_of
from assay_server.pipeline.members import member_of, plain_member
from assay_server.pipeline.scoring import task_fields
from assay_server.rewards.assessment import Assessment

WORTH = Assessment(0.5, Verdict.INCORRECT, {"math": 0.5}, {}, {}, "18", ("math@1",), ())


def content(text: str) -> wire.Content:
    return wire.Content(parts=[wire.Part(text=text)])


def plain() -> wire.Rollout:
    return wire.Rollout(
        rollout_id="r",
        group_id="g",
        group_size=8,
        prompt_id="p",
        task_type="math",
        reference_json='{"answer": "18"}',
        extra_json='{"level": 3}',
        prompt=content("How many?"),
        steps=[wire.Step(action=content("so A: 18"))],
        num_tokens=12,
        num_tool_calls=0,
        global_step=4,
        seed=-1,
    )


ids = st.sampled_from(["r", "s", "", "é", "r", "a\nb", "x" * 100, "x" * 257])
numbers = st.sampled_from([0, 1, 2, 8, -1, 70_000])
kinds = st.just(0) | st.integers(0, 7)
steps = st.builds(
    wire.Step,
    action=st.sampled_from(
        [content("A: 1"), content(""), wire.Content(), wire.Content(parts=[wire.Part(text="a")] * 2)]
    ),
    index=st.sampled_from([0, 0, 1]),
    done=st.booleans(),
    policy_version=st.sampled_from(["", "", "v1"]),
    action_valid=st.sampled_from([None, None, False]),
    reward=st.sampled_from([None, None, 0.0, float("nan")]),
)
changes = st.lists(
    st.one_of(
        st.builds(wire.Rollout, rollout_id=ids),
        st.builds(wire.Rollout, group_id=ids, group_size=numbers),
        st.builds(wire.Rollout, prompt_id=ids, task_type=ids),
        st.builds(wire.Rollout, reference_json=st.sampled_from(["{}", '{"answer": 1}', "[", "[1]"])),
        st.builds(wire.Rollout, role=kinds, state=kinds),
        st.builds(wire.Rollout, num_tokens=st.none() | numbers, num_tool_calls=numbers, global_step=numbers),
        st.builds(wire.Rollout, prompt=st.just(content("More."))),
        st.builds(wire.Rollout, steps=st.lists(steps, max_size=1)),
    ),
    max_size=3,
)


def changed(changes: list[wire.Rollout], *, step: wire.Step | None) -> wire.Rollout:
    rollout = plain()
    for change in changes:
        rollout.MergeFrom(change)
    if step is not None:
        del rollout.steps[:]
        rollout.steps.append(step)
    return rollout


rollouts = st.builds(changed, changes, step=st.none() | steps)


@given(rollouts)
def test_plain_rollouts_are_flawless_and_read_as_the_long_way_does(rollout: wire.Rollout) -> None:
    sample = plain_sample(rollout)
    if sample is not None:
        check_rollout(rollout)
        assert sample == sample_of(rollout, *task_fields(rollout, None))
        for worth in (None, WORTH):
            assert plain_member(sample, worth) == member_of(rollout, worth, with_steps=False)


def test_what_a_rollout_is_scored_with_is_read() -> None:
    rollout = plain()
    sample = plain_sample(rollout)
    assert sample is not None
    assert sample == sample_of(rollout, *task_fields(rollout, None))
    assert (sample.prompt, sample.num_tokens, sample.num_tool_calls, sample.seed) == ("How many?", 12, 0, -1)
    assert plain_member(sample, WORTH) == member_of(rollout, WORTH, with_steps=False)


@pytest.mark.parametrize(
    "more",
    [
        wire.Rollout(task_digest="d"),
        wire.Rollout(initial_state_digest="d"),
        wire.Rollout(parent_rollout_id="r0"),
        wire.Rollout(fork_step=1),
        wire.Rollout(hint_level=1),
        wire.Rollout(signals={"entropy": wire.Signal(scalar=1.0)}),
        wire.Rollout(role=wire.ROLLOUT_ROLE_EXPERT),
        wire.Rollout(state=wire.ROLLOUT_STATE_TRUNCATED),
        wire.Rollout(state=wire.ROLLOUT_STATE_FAILED),
        wire.Rollout(state=wire.ROLLOUT_STATE_IN_PROGRESS),
        wire.Rollout(steps=[wire.Step(index=1, action=content("A: 1"))]),
        wire.Rollout(reference_json="not JSON"),
    ],
)
def test_what_has_more_to_it_is_looked_at_closer(more: wire.Rollout) -> None:
    rollout = plain()
    rollout.MergeFrom(more)
    assert plain_sample(rollout) is None


def test_flaws_are_not_plain() -> None:
    rollout = plain()
    rollout.group_size = -1
    assert plain_sample(rollout) is None
    with pytest.raises(Failure):
        check_rollout(rollout)
