"""What ``assay env check`` finds out: random walks that hold an environment to what environments promise."""

from __future__ import annotations

import dataclasses
import multiprocessing
import pickle
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from assay_server.cli.env_episode import (
    EpisodeNames,
    EpisodeSource,
    environment_faults_told,
    episode_source,
    plugin_environments,
)
from assay_server.environments.protocol import Dumping, Environment, EpisodeOver, StepResult
from assay_server.environments.watched import digest_fault, result_fault
from assay_server.execution.plugin_checks import Finding

_STEPS = 60
_DUMP_EVERY = 16
_HOSTILE = ("", " ", "\x00", "look\nlook", "\u202e٣\U0001f600", "x" * 1_000_000, "fly away", "(" * 10_000)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Everything an environment says after a reset or a step."""

    said: str
    digest: str
    anchor: str
    admissible: tuple[str, ...]


class _Broken(Exception):
    """A promise that is not kept; the message says which and what to do."""


def check_environments(names: EpisodeNames, episodes: int) -> list[Finding]:
    """The findings about an environment, or about each of a plugin file.

    Raises:
        Usage: there is nothing of that name, or its options are refused.
    """
    findings: list[Finding] = []
    for one in _each(names):
        source = episode_source(one)
        with environment_faults_told():
            source.environment().reset(0, source.options)
        findings += [_finding(source, check, work) for check, work in _checks(source, one, episodes)]
    return findings


def _each(names: EpisodeNames) -> list[EpisodeNames]:
    """One for each environment of a plugin file; those given where it is none."""
    if ".py" not in names.env:
        return [names]
    plugin = str(Path(names.env).absolute())
    return [dataclasses.replace(names, env=one.id, plugins=(plugin,)) for one in plugin_environments(plugin)]


def _checks(source: EpisodeSource, names: EpisodeNames, episodes: int) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "determinism", lambda: _determinism(source, names, episodes)
    yield "seeds", lambda: _seeds(source, episodes)
    yield "state", lambda: _state(source, episodes)
    yield "admissible actions", lambda: _admissible(source, episodes)
    yield "inadmissible actions", lambda: _inadmissible(source)
    yield "results", lambda: _results(source, episodes)
    yield "the end", lambda: _the_end(source)
    yield "pickling", lambda: _pickling(source, episodes)


def _finding(source: EpisodeSource, check: str, work: Callable[[], str]) -> Finding:
    try:
        return Finding(source.definition.id, check, True, work())
    except _Broken as error:
        return Finding(source.definition.id, check, False, str(error))
    except Exception as error:  # noqa: BLE001 - whatever an author's code raises is the finding
        return Finding(source.definition.id, check, False, f"it raised {type(error).__name__}: {error}")


def _chooser(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - chooses actions, keeps no secret


def walked(source: EpisodeSource, seed: int) -> list[_Seen]:
    """A random walk whose choices depend on the seed alone."""
    environment, rng = source.environment(), _chooser(seed)
    reset = environment.reset(seed, source.options)
    seen = [_now(environment, repr(reset))]
    seen += [_now(environment, repr(result)) for result in _steps(environment, rng)]
    environment.close()
    return seen


def _steps(environment: Environment, rng: Random) -> Iterator[StepResult]:
    for _ in range(_STEPS):
        admissible = environment.admissible_actions()
        result = environment.step(rng.choice(admissible) if admissible and rng.random() > 0.1 else "fly away")
        yield result
        if result.terminated or result.truncated:
            return


def _now(environment: Environment, said: str) -> _Seen:
    return _Seen(said, environment.state_digest(), environment.anchor(), tuple(environment.admissible_actions()))


def _walked_elsewhere(names: EpisodeNames, episodes: int) -> list[list[_Seen]]:
    source = episode_source(names)
    # In another order: nothing may carry over from one episode to the next.
    return [walked(source, seed) for seed in reversed(range(episodes))][::-1]


def _determinism(source: EpisodeSource, names: EpisodeNames, episodes: int) -> str:
    random.seed(1)
    here = [walked(source, seed) for seed in range(episodes)]
    random.seed(2)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        others = {"again": [walked(source, seed) for seed in range(episodes)]}
        others["in another process, in another order"] = pool.apply(_walked_elsewhere, (names, episodes))
    for where, there in others.items():
        for seed, (first, second) in enumerate(zip(here, there, strict=True)):
            if first != second:
                raise _Broken(
                    f"seed {seed} walked {where} differs: {_difference(first, second)}. Draw from the seed alone, and "
                    "do not depend on the order of a set, on the clock or on earlier episodes"
                )
    return f"{episodes} random walks are equal when repeated, also in another process and another order"


def _difference(first: list[_Seen], second: list[_Seen]) -> str:
    for step, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            parts = [name for name in _Seen.__slots__ if getattr(one, name) != getattr(other, name)]
            return f"{parts[0]} at step {step}"
    return f"one has {len(first) - 1} steps, the other {len(second) - 1}"


def _seeds(source: EpisodeSource, episodes: int) -> str:
    environment = source.environment()
    digests = [environment.reset(seed, source.options).state_digest for seed in range(episodes)]
    if digests != [environment.reset(seed, source.options).state_digest for seed in range(episodes)]:
        raise _Broken("a seed gives another start each time: draw the start from the seed alone")
    return f"{len(set(digests))} different starts from {episodes} seeds"


def _state(source: EpisodeSource, episodes: int) -> str:
    names: dict[str, tuple[str, ...]] = {}
    for seed in range(episodes):
        environment = source.environment()
        reset = environment.reset(seed, source.options)
        if reset.state_digest != environment.state_digest():
            raise _Broken("the digest that reset() returns is not state_digest()")
        for result in _steps(environment, _chooser(seed)):
            if result.terminated or result.truncated:
                break
            first, second = _now(environment, ""), _now(environment, "")
            if first != second:
                raise _Broken("asking for anchor, digest or admissible actions changes them: let them only read")
            if fault := digest_fault(first.digest):
                raise _Broken(fault)
            if names.setdefault(first.digest, first.admissible) != first.admissible:
                raise _Broken("equal digests, but other admissible actions: the digest leaves out a part of the state")
    return f"{len(names)} states, each with one list of admissible actions"


def _admissible(source: EpisodeSource, episodes: int) -> str:
    taken = 0
    for seed in range(episodes):
        environment, rng = source.environment(), _chooser(seed)
        environment.reset(seed, source.options)
        for _ in range(_STEPS):
            admissible = environment.admissible_actions()
            if not admissible:
                break
            action = rng.choice(admissible)
            result = environment.step(action)
            taken += 1
            if not (result.action_valid and result.executed):
                raise _Broken(f"seed {seed}: {action!r} was listed as admissible and then not taken as valid")
            if result.terminated or result.truncated:
                break
    return f"{taken} admissible actions were all taken" if taken else "it lists no admissible actions"


def _inadmissible(source: EpisodeSource) -> str:
    for action in _HOSTILE:
        environment = source.environment()
        before = environment.reset(0, source.options).state_digest
        if action in environment.admissible_actions():
            continue
        result = environment.step(action)
        if result.action_valid:
            continue
        if environment.state_digest() != before:
            raise _Broken(f"{action[:40]!r} is answered as invalid, yet it changed the state")
    return f"{len(_HOSTILE)} odd texts are answered, none breaks it"


def _results(source: EpisodeSource, episodes: int) -> str:
    rewards: set[float] = set()
    for seed in range(episodes):
        environment = source.environment()
        environment.reset(seed, source.options)
        for result in _steps(environment, _chooser(seed)):
            problem = result_fault(result)
            if problem:
                raise _Broken(f"seed {seed}: {problem}")
            rewards.add(result.reward)
    shown = ", ".join(f"{reward:g}" for reward in sorted(rewards)[:5])
    return f"rewards, scores and reasons are sound; rewards seen: {shown}"


def _the_end(source: EpisodeSource) -> str:
    environment = source.environment()
    environment.reset(0, source.options)
    environment.close()
    environment.close()
    try:
        environment.step("look")
    except EpisodeOver:
        pass
    else:
        raise _Broken("step() after close() is answered: raise EpisodeOver")
    environment.reset(0, source.options)
    return "close() may be repeated, step() after it is refused, reset() starts over"


def _pickling(source: EpisodeSource, episodes: int) -> str:
    dumps = 0
    for seed in range(episodes):
        environment = source.environment()
        pickle.loads(pickle.dumps(environment.reset(seed, source.options)))  # noqa: S301 - our own value
        for number, result in enumerate(_steps(environment, _chooser(seed))):
            if pickle.loads(pickle.dumps(result)) != result:  # noqa: S301 - our own value
                raise _Broken("a step's result is not the same after pickling: hold plain values only")
            over = result.terminated or result.truncated
            if number % _DUMP_EVERY == 0 and not over and isinstance(environment, Dumping):
                _check_dump(source, environment, seed)
                dumps += 1
    return f"results pass between processes; {dumps} dumps went on as the original did" if dumps else (
        "results pass between processes; it has no dump(), so it is rebuilt by replay from the start"
    )  # fmt: skip


def _check_dump(source: EpisodeSource, environment: Dumping, seed: int) -> None:
    dumped = environment.dump()
    first, second = source.environment(), source.environment()
    for copy in (first, second):
        if not isinstance(copy, Dumping):
            raise _Broken("one instance can be dumped and another cannot")
        copy.reset(seed, source.options)
        copy.restore(dumped)
    if _now(environment, "") != _now(first, ""):
        raise _Broken("what was restored says something else than what was dumped")
    on = [[_now(copy, repr(result)) for result in _steps(copy, _chooser(seed))] for copy in (first, second)]
    if on[0] != on[1]:
        raise _Broken("two copies restored from one dump go on differently")
