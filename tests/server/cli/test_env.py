"""``assay env``: any environment by its name, on the command line."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path
from typing import cast

import pytest

from assay.sdk import Json

from .command import ASSAY, assay

ALFWORLD = Path(__file__).resolve().parents[4] / "shared" / "data" / "alfworld"

GOOD = '''
import hashlib
from assay.sdk import environment
from assay_server.environments import EpisodeOver, ResetResult, StepResult

@environment("acme/counter-v1")
class Counter:
    """Counts up to three."""

    def reset(self, seed, options):
        self.seed, self.count, self.live = seed, 0, True
        return ResetResult(f"count to 3, from {seed}", self.state_digest())

    def step(self, action):
        if not self.live:
            raise EpisodeOver("it is over")
        valid = action == "up"
        self.count += valid
        won = self.count == 3
        self.live = not won
        why = "won" if won else ""
        return StepResult(str(self.count), float(won), valid, valid, won, self.count / 3, won, False, why)

    def close(self):
        self.live = False

    def anchor(self):
        return str(self.count)

    def state_digest(self):
        return hashlib.sha256(f"{self.seed} {self.count}".encode()).hexdigest()

    def admissible_actions(self):
        return ("up",)
'''
BROKEN = (
    GOOD.replace("acme/counter", "acme/leaky")
    .replace("import hashlib", "import hashlib, random")
    .replace('valid = action == "up"', 'valid = action == "up" and random.random() < 0.5')
    .replace('return ("up",)', 'return ("up", "down")')
)


def walk(*arguments: str, actions: str = "") -> list[dict[str, Json]]:
    done = assay("env", "walk", *arguments, stdin=actions.encode())
    assert done.code == 0, done.stderr
    return done.lines


def test_a_walk_answers_the_reset_and_then_every_action() -> None:
    lines = walk("keydoor", "--seed", "3", actions="look\n\n   \ngo nowhere\n")
    assert [line["index"] for line in lines] == [0, 1, 2]
    assert [line["actionValid"] for line in lines] == [True, True, False]
    assert set(lines[0]) >= {
        "index", "observation", "admissibleActions", "reward", "terminated", "truncated", "actionValid", "won",
        "stateDigest",
    }  # fmt: skip
    assert lines[0]["stateDigest"] == lines[1]["stateDigest"]
    assert lines[0] == walk("keydoor", "--seed", "3")[0]


def test_once_it_is_over_the_last_answer_is_repeated() -> None:
    lines = walk("household", "--options", '{"maxSteps":2}', actions="look\nhelp\nlook\ninventory\n")
    assert [line["truncated"] for line in lines] == [False, False, True, True, True]
    assert [line["index"] for line in lines] == [0, 1, 2, 3, 4]
    assert [line | {"index": 2} for line in lines[3:]] == [lines[2], lines[2]]


def test_answers_come_as_soon_as_actions_do() -> None:
    command = [ASSAY, "env", "walk", "household", "--seed", "5"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["index"] == 0
        for number in (1, 2):
            process.stdin.write(b"look\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["index"] == number
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "no environment is called 'nowhere'"),
        (["keydor"], "nearest: keydoor"),
        (["keydoor", "--options", "[]"], "--options: expected a JSON object"),
        (["keydoor", "--options", '{"colour":1}'], "option 'colour'"),
        (["household", "--game", "/does/not/exist"], "--game /does/not/exist"),
        (["household", "--game", __file__], "option 'game'"),
        (["household", "--games", "/does/not/exist"], "not a folder"),
    ],
)
def test_what_cannot_be_started_is_a_usage_error(arguments: list[str], said: str) -> None:
    done = assay("env", "walk", *arguments)
    assert (done.code, done.lines) == (2, [])
    assert said in done.stderr


def test_everything_is_listed_with_its_options() -> None:
    done = assay("env", "list", "--json")
    listed = {str(line["id"]): line for line in done.lines}
    assert {"assay/keydoor-v1", "assay/household-v1"} <= set(listed)
    for line in listed.values():
        assert len(str(line["digest"])) == 64
        assert cast("dict[str, Json]", line["options"])["type"] == "object"


def test_playing_by_hand_shows_what_can_be_done_and_how_it_ended() -> None:
    command = [ASSAY, "env", "play", "household", "--seed", "5", "--options", '{"maxSteps":2}']
    played = subprocess.run(command, input="\nlook\nfly away\nlook\n", capture_output=True, text=True, check=True)
    assert played.stdout.startswith("-= Welcome to TextWorld, ALFRED! =-")
    assert "\ninventory\nlook\n" in played.stdout
    assert played.stdout.endswith("Nothing happens.\n-- max_steps: reward 0, score 0\n")


def test_a_benchmark_has_the_two_numbers() -> None:
    done = assay("env", "bench", "household", "--json", "--seconds", "0.2")
    assert set(done.lines[0]) == {"stepsPerSecond", "resetMs"}
    assert all(isinstance(value, float) and value > 0 for value in done.lines[0].values())


@pytest.mark.parametrize("env", ["keydoor", "household", "apps"])
def test_the_built_in_ones_pass_the_checks(env: str) -> None:
    done = assay("env", "check", env, "--episodes", "3", "--json")
    assert [line for line in done.lines if not line["passed"]] == []
    assert done.code == 0
    assert len(done.lines) == 8


def test_the_checks_tell_what_is_wrong_with_an_authors_environment(tmp_path: Path) -> None:
    for name, source in (("good.py", GOOD), ("broken.py", BROKEN)):
        (tmp_path / name).write_text(source)
    good = assay("env", "check", str(tmp_path / "good.py"), "--episodes", "3", "--json")
    assert [line for line in good.lines if not line["passed"]] == []
    broken = assay("env", "check", str(tmp_path / "broken.py"), "--episodes", "3", "--json")
    failed = {str(line["check"]): str(line["explanation"]) for line in broken.lines if not line["passed"]}
    assert broken.code == 1
    assert set(failed) == {"determinism", "admissible actions"}
    assert "Draw from the seed alone" in failed["determinism"]
    assert "listed as admissible" in failed["admissible actions"]


def test_an_environment_of_a_plugin_file_can_be_walked(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    lines = walk("counter", "--plugin", str(tmp_path / "good.py"), "--seed", "4", actions="up\nup\ndown\nup\n")
    assert [line["observation"] for line in lines] == ["count to 3, from 4", "1", "2", "2", "3"]
    assert lines[-1]["won"] is True


def recorded_walks() -> list[tuple[Path, dict[str, Json]]]:
    if not ALFWORLD.exists():
        pytest.skip(f"the shared data is absent: {ALFWORLD}")
    walks: list[tuple[Path, dict[str, Json]]] = []
    for row in json.loads((ALFWORLD / "index.json").read_text(encoding="utf-8"))[:3]:
        recorded = json.loads(gzip.decompress((ALFWORLD / row["transcript"]).read_bytes()))
        walks += [(ALFWORLD / row["game"], one) for one in recorded["walks"] if one["kind"] in ("solve", "limit7")]
    return walks


def test_recorded_walks_are_answered_as_recorded_also_after_the_end() -> None:
    walks = recorded_walks()
    assert len(walks) >= 3
    for path, recorded in walks:
        steps = [
            *cast("list[dict[str, Json]]", recorded["steps"]),
            *cast("list[dict[str, Json]]", recorded.get("after_done") or []),
        ]
        options = json.dumps({} if recorded["step_limit"] is None else {"maxSteps": recorded["step_limit"]})
        lines = walk(
            "household", "--game", str(path), "--options", options, actions="\n\n".join(str(one["a"]) for one in steps)
        )
        for line, step in zip(lines[1:], steps, strict=True):
            over = line["terminated"] or line["truncated"]
            assert [line["observation"], line["reward"], over, line["won"]] == [step[key] for key in "ordw"]
            assert step.get("c", line["admissibleActions"]) == line["admissibleActions"]


def test_games_of_a_folder_are_named_by_the_seed_or_by_their_path() -> None:
    if not ALFWORLD.exists():
        pytest.skip(f"the shared data is absent: {ALFWORLD}")
    folder = ("household", "--games", str(ALFWORLD), "--options")
    number = len(list((ALFWORLD / "games").rglob("game.tw-pddl")))
    first = walk(*folder, '{"split":"games"}', "--seed", "1")
    again = walk(*folder, '{"split":"games"}', "--seed", str(1 + number))
    other = walk(*folder, '{"split":"games"}', "--seed", "2")
    assert first == again != other
    named = walk(*folder, json.dumps({"game": "odd/odd09-objects-inside-objects/trial_X09"}))
    assert "put a clean bowl in fridge" in str(named[0]["observation"])
    for options in ('{"game":"../secret"}', '{"split":"nothing"}'):
        assert assay("env", "walk", *folder, options).code == 2
