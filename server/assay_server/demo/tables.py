"""What the demo prints: results as tables that read well at 100 columns and in a pipe."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from assay.results import GroupResult, SampleResult
from assay.rollouts import Rollout
from assay.sdk import Verdict
from assay.v1 import rollout_pb2 as v1
from assay_server.demo.episodes import Episode, Turn
from assay_server.demo.problems import Problem

_VERDICTS = {Verdict.CORRECT: ("correct", "green"), Verdict.INCORRECT: ("incorrect", "red")}
_BAR_WIDTH = 30
_SCORE_LAST = {5: "right"}


def scores(
    problems: Sequence[Problem], results: Mapping[str, SampleResult], picks: Sequence[tuple[str, int]], also: Rollout
) -> Table:
    """Some answers with what was found in them: ``picks`` are (problem id, number of the answer), then ``also``."""
    table = _table(
        "problem", "the model said (its end)", "extracted", "found by", "verdict", "score", justify={5: "right"}
    )
    by_id = {problem.id: problem for problem in problems}
    for problem_id, index in picks:
        result = results[f"{problem_id}.0.{index}"]
        said = _end_of(by_id[problem_id].samples[index].text, 34)
        table.add_row(problem_id, Text(said), *_judged(result))
    table.add_row(also.rollout_id.partition(".")[0], Text(str(also.response)), *_judged(results[also.rollout_id]))
    return table


def _judged(result: SampleResult) -> tuple[RenderableType, ...]:
    if (score := result.score) is None:
        return ("-", "-", Text("not scored", "yellow"), "-")
    evidence = next(iter(score.evidence.values()))
    word, style = _VERDICTS.get(score.verdict, ("", ""))
    return (Text(evidence.extracted or "-"), Text(evidence.method or "-"), Text(word, style), f"{score.value:.1f}")


def group(problem: Problem, result: GroupResult) -> Table:
    """One group with its advantages."""
    table = _table("rollout", "the model said (its end)", "reward", "advantage", justify={2: "right", 3: "right"})
    for index, sample in enumerate(problem.samples):
        member = result[f"{problem.id}.0.{index}"]
        table.add_row(
            member.rollout_id, Text(_end_of(sample.text, 44)), _number(member.reward, 1), _signed(member.advantage)
        )
    return table


def episodes(played: Sequence[Episode], result: GroupResult) -> Table:
    """One group of episodes with the episode part of its advantages."""
    right = {2: "right", 3: "right", 4: "right", 5: "right"}
    table = _table("rollout", "policy", "steps", "invalid", "reward", "episode advantage", justify=right)
    for episode in played:
        member = result[episode.episode_id]
        policy = "random walk" if episode.noise == 1 else f"solver, {episode.noise:.0%} noise"
        invalid = sum(not turn.action_valid for turn in episode.turns)
        table.add_row(
            episode.episode_id, policy, str(len(episode.turns)), str(invalid or ""), _number(member.reward, 1),
            _signed(member.episode_advantage),
        )  # fmt: skip
    return table


def step_groups(played: Sequence[Episode], result: GroupResult, rows: int) -> Table:
    """The most visited states of a group, and what each action taken there was worth."""
    table = _table("state (anchor)", "visits", "action taken there", "times", "mean return", "step advantage",
                   justify={1: "right", 3: "right", 4: "right", 5: "right"})  # fmt: skip
    visits = sorted(_by_state(played, result).values(), key=lambda found: (-len(found), found[0][0].names["state"]))
    for found in visits[:rows]:
        first = True
        for action, taken in sorted(_by_action(found).items(), key=lambda item: -_mean(step[2] for step in item[1])):
            table.add_row(
                Text(_state_name(found[0][0]) if first else ""),
                str(len(found)) if first else "",
                Text(action),
                str(len(taken)),
                f"{_mean(step[1] for step in taken):.2f}",
                _signed(_mean(step[2] for step in taken)),
            )
            first = False
        table.add_section()
    return table


_Visit = tuple[Turn, float, float]


def _by_state(played: Sequence[Episode], result: GroupResult) -> dict[str, list[_Visit]]:
    found: defaultdict[str, list[_Visit]] = defaultdict(list)
    for episode in played:
        member = result[episode.episode_id]
        for index, turn in enumerate(episode.turns):
            visit = (turn, float(member.step_returns[index]), float(member.step_advantages[index]))
            found[member.step_group_ids[index]].append(visit)
    return found


def _state_name(turn: Turn) -> str:
    room, *rest = turn.names["state"].split(" | ")
    return "\n".join([room, *(f"  {line}" for line in rest if not line.endswith(": nothing"))])


def _by_action(visits: Iterable[_Visit]) -> dict[str, list[_Visit]]:
    found: defaultdict[str, list[_Visit]] = defaultdict(list)
    for visit in visits:
        found[visit[0].action if visit[0].action_valid else "(not admissible)"].append(visit)
    return found


def recipes(by_recipe: Mapping[str, Sequence[v1.GroupStatistics]]) -> Table:
    """What different names for a state do to the step groups."""
    right = {1: "right", 2: "right", 3: "right"}
    table = _table("a state is named by", "step groups", "steps in company", "mixed with others", justify=right)
    for name, statistics in by_recipe.items():
        steps = [_steps(group) for group in statistics]
        hits = sum(group.step_hit_ratio * n for group, n in zip(statistics, steps, strict=True))
        mixed = sum(group.aliasing_ratio * n for group, n in zip(statistics, steps, strict=True))
        count = sum(group.step_groups for group in statistics)
        table.add_row(name, str(count), f"{hits / sum(steps):.1%}", f"{mixed / sum(steps):.1%}")
    return table


def histogram(statistics: Sequence[v1.GroupStatistics]) -> Table:
    """How many step groups have how many steps."""
    counts: defaultdict[str, int] = defaultdict(int)
    for group in statistics:
        for size, count in group.step_group_size_histogram.items():
            counts[_size_class(size)] += count
    table = _table("steps in a group", "groups", "", justify={0: "right", 1: "right"})
    largest = max(counts.values())
    for name in _SIZE_CLASSES:
        if counts[name]:
            table.add_row(name, str(counts[name]), "#" * max(1, round(_BAR_WIDTH * counts[name] / largest)))
    return table


_SIZE_CLASSES = ("1", "2-3", "4-7", "8-15", "16-31", "32+")


def _size_class(size: int) -> str:
    return _SIZE_CLASSES[min(size.bit_length() - 1, len(_SIZE_CLASSES) - 1)]


def _steps(group: v1.GroupStatistics) -> int:
    return sum(size * count for size, count in group.step_group_size_histogram.items())


def _table(*columns: str, justify: Mapping[int, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if justify.get(index) == "right" else "left", overflow="fold")
    return table


def _end_of(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else "..." + line[-(width - 3) :]


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _signed(value: float | None) -> RenderableType:
    if value is None:
        return "-"
    text = f"{value:+.2f}" if round(value, 2) else "0.00"
    return Text(text, "green" if value > 0.005 else "red" if value < -0.005 else "")
