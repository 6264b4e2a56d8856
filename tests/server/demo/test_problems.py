from __future__ import annotations

from assay_server.demo.problems import load_problems, rollouts_of


def test_there_are_a_few_dozen_problems_with_four_to_eight_answers_each():
    problems = load_problems()
    assert len(problems) >= 36
    assert {len(problem.samples) for problem in problems} <= set(range(4, 9))
    assert len({problem.id for problem in problems}) == len(problems)
    assert {problem.type for problem in problems} == {"math", "choice"}


def test_some_groups_are_mixed_some_all_right_and_some_all_wrong():
    kinds = [{sample.correct for sample in problem.samples} for problem in load_problems()]
    assert kinds.count({True, False}) > 20
    assert {True} in kinds
    assert {False} in kinds


def test_answers_have_many_forms():
    texts = [sample.text for problem in load_problems() for sample in problem.samples]
    for form in ("\\boxed{", "\nA: ", "answer is", "<answer>", "**Answer:**", "#### ", "No, wait", "and then"):
        assert any(form in text for text in texts), form


def test_each_problem_is_one_group_and_epochs_do_not_share_ids():
    problems = load_problems()
    first, second = rollouts_of(problems), rollouts_of(problems, epoch=1)
    assert len({rollout.group_id for rollout in first}) == len(problems)
    assert not {rollout.rollout_id for rollout in first} & {rollout.rollout_id for rollout in second}
    assert {rollout.prompt_id for rollout in first} == {rollout.prompt_id for rollout in second}
    for rollout in first:
        members = [other for other in first if other.group_id == rollout.group_id]
        assert {member.group_size for member in members} == {len(members)}
