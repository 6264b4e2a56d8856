"""Programs that play a world on this side, on plain subprocesses: what they may do, and what becomes of those that do
something else."""

from __future__ import annotations

import pytest

from assay_sandbox.protocol import Limits, WorkerLost
from assay_sandbox.suites.policy import Ending, PlayLimits, PlayStatus, PolicyJob, View
from tests.sandboxes.plain_backend import PlainBackend
from tests.sandboxes.programs import FIND_CHANNEL

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = PlayLimits(Limits(cpu_ms=20_000, wall_ms=60_000))
SHORT = PlayLimits(Limits(cpu_ms=800, wall_ms=60_000))
COUNT = (
    "n = 0\ndef act(observation, admissible_actions):\n    global n\n    n += 1\n    return admissible_actions[n % 2]\n"
)


class Three:
    """Over after three actions, which it remembers."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def start(self) -> View | None:
        return View("start", ("a", "b"))

    async def act(self, action: str) -> View | None:
        self.taken.append(action)
        return View(f"after {action}", ("a", "b")) if len(self.taken) < 3 else None


async def played(backend: PlainBackend, source: str, limits: PlayLimits = LIMITS) -> tuple[Ending, list[str]]:
    world = Three()
    (ending,) = await PolicyJob(backend, source, limits).play([lambda: world])
    return ending, world.taken


async def test_a_program_is_asked_at_every_step_and_its_names_last_for_the_episode(backend: PlainBackend) -> None:
    worlds = [Three(), Three()]
    endings = await PolicyJob(backend, COUNT, LIMITS).play([lambda one=world: one for world in worlds])
    assert [ending.status for ending in endings] == [PlayStatus.PLAYED] * 2
    assert [world.taken for world in worlds] == [["b", "a", "b"]] * 2


@pytest.mark.parametrize(
    ("source", "status", "message"),
    [
        ("def act(", PlayStatus.NOT_LOADED, "SyntaxError"),
        ("x = 1", PlayStatus.NOT_LOADED, "'act' is not defined"),
        ("1/0", PlayStatus.NOT_LOADED, "ZeroDivisionError"),
        ("import os; os._exit(0)", PlayStatus.EXITED, "ended with status 0"),
        ("act = 3", PlayStatus.EXCEPTION, "not callable"),
        ("def act(o, a): return a[9]", PlayStatus.EXCEPTION, "IndexError"),
        ("def act(o): return 'a'", PlayStatus.EXCEPTION, "TypeError"),
        ("def act(o, a): raise SystemExit('won')", PlayStatus.EXITED, "SystemExit"),
        ("import os\ndef act(o, a): os._exit(7)", PlayStatus.EXITED, "ended with status 7"),
        ("def act(o, a): return None", PlayStatus.BAD_ACTION, "a NoneType; expected a text"),
        ("def act(o, a): return 'x' * 200_000", PlayStatus.BAD_ACTION, "200000 characters"),
        ("class S(str): pass\ndef act(o, a): return S('a')", PlayStatus.BAD_ACTION, "expected a text"),
        (
            f"{FIND_CHANNEL}def act(o, a): os.write(n, b'\\0\\0\\0\\1X!'); return 'a'",
            PlayStatus.BROKEN_PROTOCOL,
            "protocol",
        ),
        (
            f"{FIND_CHANNEL}def act(o, a): os.write(n, b'\\0\\0\\0\\1V!'); return 'a'",
            PlayStatus.BROKEN_PROTOCOL,
            "limit",
        ),
    ],
)
async def test_what_becomes_of_programs_that_do_not_play(
    backend: PlainBackend, source: str, status: PlayStatus, message: str
) -> None:
    ending, taken = await played(backend, source)
    assert (ending.status, taken) == (status, [])
    assert message in ending.message


async def test_a_program_that_hangs_is_ended_and_the_next_episode_is_played(backend: PlainBackend) -> None:
    source = "def act(o, a):\n    while o != 'start': pass\n    return 'a'"
    worlds = [Three(), Three()]
    endings = await PolicyJob(backend, source, SHORT).play([lambda one=world: one for world in worlds])
    assert [ending.status for ending in endings] == [PlayStatus.TIMEOUT] * 2
    assert "800 ms" in endings[0].message
    assert [world.taken for world in worlds] == [["a"], ["a"]]


async def test_a_job_is_bounded_and_what_is_left_is_not_run(backend: PlainBackend) -> None:
    limits = PlayLimits(LIMITS.step, job_cpu_ms=0)
    endings = await PolicyJob(backend, COUNT, limits).play([Three, Three])
    assert [ending.status for ending in endings] == [PlayStatus.NOT_RUN] * 2


async def test_a_program_that_cannot_be_loaded_is_loaded_once(backend: PlainBackend) -> None:
    made: list[Three] = []

    def make() -> Three:
        made.append(Three())
        return made[-1]

    endings = await PolicyJob(backend, "1/0", LIMITS).play([make] * 5)
    assert ([ending.status for ending in endings], len(made)) == ([PlayStatus.NOT_LOADED] * 5, 1)


async def test_an_episode_whose_sandbox_is_lost_begins_again_in_a_new_world(backend: PlainBackend) -> None:
    class Losing(Three):
        async def act(self, action: str) -> View | None:
            if len(made) == 1 and self.taken:
                raise WorkerLost("lost")
            return await super().act(action)

    made: list[Losing] = []

    def make() -> Losing:
        made.append(Losing())
        return made[-1]

    (ending,) = await PolicyJob(backend, COUNT, LIMITS).play([make])
    assert (ending.status, [world.taken for world in made]) == (PlayStatus.PLAYED, [["b"], ["b", "a", "b"]])


async def test_actions_are_valid_unicode(backend: PlainBackend) -> None:
    ending, taken = await played(backend, "def act(o, a): return '\\ud800'")
    assert (ending.status, taken) == (PlayStatus.PLAYED, ["?"] * 3)
