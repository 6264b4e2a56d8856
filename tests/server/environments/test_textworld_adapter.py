from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from assay.sdk import Json
from assay_server.environments import EpisodeOver, InvalidOptions
from assay_server.environments.catalogue import builtin_environments
from assay_server.environments.textworld_adapter import TEXTWORLD, TextWorldEpisode
from assay_server.environments.watched import watched
from assay_server.execution.game_folders import TextWorldFolder, with_game_folder

pytestmark = [  # of the packages below it
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning"),
    pytest.mark.filterwarnings("ignore:Game .* is not fully supported"),
]


class OneGame:
    def names(self) -> Sequence[str]:
        return ("made.z8",)

    def path(self, name: str) -> str:
        return f"/nowhere/{name}"


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "textworld", None)
    with pytest.raises(InvalidOptions, match=r"assay-server\[textworld\]"):
        TextWorldEpisode(OneGame()).reset(0, {})


WRONG: list[tuple[dict[str, Json], str]] = [
    ({"game": "../made.z8"}, "game"),
    ({"game": 5}, "game"),
    ({"level": 1}, "level"),
]


@pytest.mark.parametrize(("options", "field"), WRONG)
def test_options_that_are_refused(options: dict[str, Json], field: str):
    with pytest.raises(InvalidOptions) as caught:
        TextWorldEpisode(OneGame()).reset(0, options)
    assert caught.value.field == field


def test_without_a_folder_there_are_no_games():
    with pytest.raises(InvalidOptions, match="--games"):
        TextWorldEpisode().reset(0, {})


def test_a_game_is_a_file_with_its_description(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    for name in ("sub/b.z8", "sub/b.json", "a.ulx", "a.json", "alone.z8", "other.txt"):
        (tmp_path / name).touch()
    games = TextWorldFolder(tmp_path)
    assert games.names() == ["a.ulx", "sub/b.z8"]
    assert games.path("a.ulx") == str(tmp_path / "a.ulx")
    with pytest.raises(KeyError):
        games.path("alone.z8")


def test_the_folder_is_the_operators_and_the_digest_the_codes(tmp_path: Path):
    catalogue = builtin_environments()
    found = with_game_folder(catalogue, tmp_path).resolve("textworld")
    assert found.id == TEXTWORLD.id
    assert found.digest == catalogue.resolve("textworld").digest


@pytest.fixture(scope="module")
def games(tmp_path_factory: pytest.TempPathFactory) -> TextWorldFolder:
    import textworld  # type: ignore[import-not-found] - an extra

    folder = tmp_path_factory.mktemp("games")
    for seed in (1, 2):
        options = textworld.GameOptions()  # type: ignore[no-untyped-call] - as above
        options.seeds, options.nb_rooms, options.nb_objects = seed, 3, 4
        options.path = str(folder / f"game{seed}.z8")
        textworld.make(options)  # type: ignore[no-untyped-call] - as above
    return TextWorldFolder(folder)


@pytest.mark.extras
def test_the_commands_it_was_made_with_win(games: TextWorldFolder):
    episode = watched(TextWorldEpisode(games))
    for seed in range(2):
        started = episode.reset(seed, {})
        inner = TextWorldEpisode(games)
        assert inner.reset(seed, {}) == started
        assert "$$" not in started.observation  # the banner
        assert "-=" in started.observation
        assert ">" not in started.observation  # the prompt and the line of the score
        rewards = 0.0
        *before, last = inner.solution()
        for command in before:
            result = episode.step(command)
            assert (result.action_valid, result.won) == (True, False), command
            rewards += result.reward
        result = episode.step(last)
        assert (result.won, result.terminated, result.task_score, result.stop_reason) == (True, True, 1.0, "won")
        assert rewards + result.reward > 0
        with pytest.raises(EpisodeOver):
            episode.step("look")


@pytest.mark.extras
@pytest.mark.parametrize("action", ["save", "quit", "transcript", "restore\nlook", "", "look " * 1000, "take\x00lamp"])
def test_what_the_interpreter_itself_would_obey_never_reaches_it(games: TextWorldFolder, action: str):
    episode = TextWorldEpisode(games)
    before = episode.reset(0, {}).state_digest
    result = episode.step(action)
    assert (result.action_valid, result.executed, result.reward, result.terminated) == (False, False, 0.0, False)
    assert episode.state_digest() == before


@pytest.mark.extras
def test_a_state_is_known_again_and_steps_are_limited(games: TextWorldFolder):
    episode = TextWorldEpisode(games)
    before = episode.reset(1, {"maxSteps": 3}).state_digest
    assert episode.step("look").observation
    assert episode.state_digest() == before
    assert not episode.step("inventory").truncated
    assert episode.step("look").stop_reason == "max_steps"
    first, second = (episode.reset(seed, {}).state_digest for seed in (0, 1))
    assert first != second
    assert episode.reset(0, {"game": games.names()[1]}).state_digest == second
    episode.close()
    with pytest.raises(EpisodeOver):
        episode.anchor()
