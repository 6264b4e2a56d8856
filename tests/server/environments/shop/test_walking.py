"""The command line over recordings: folders by path, and a walk that goes on after a purchase."""

from __future__ import annotations

import json
from typing import cast

from tests.server.cli.command import assay
from tests.server.environments.shop.recordings import FOLDER, Record, episodes, needs_recordings, options_of


def test_a_recorded_episode_is_walked_on_the_command_line():
    needs_recordings()
    episode = next(episode for episode in episodes() if episode["kind"] == "post_done")
    steps = [step for step in cast("list[Record]", episode["steps"]) if str(step["a"]).strip()]
    actions = "\n".join(str(step["a"]) for step in steps)
    options = json.dumps(options_of(episode, "text_rich"))
    done = assay("env", "walk", "shop", "--options", options, stdin=actions.encode())
    assert (done.code, len(done.lines)) == (0, 1 + len(steps))
    assert done.lines[0]["observation"] == cast("Record", episode["reset"])["rich"]
    for line, step in zip(done.lines[1:], steps, strict=True):
        assert (line["observation"], line["reward"], line["terminated"]) == (step["rich"], step["r"], step["d"])
    assert sum(bool(line["terminated"]) for line in done.lines) > 1


def test_a_walk_stops_where_the_strict_rules_end_it():
    needs_recordings()
    options = json.dumps({"catalogue": str(FOLDER), "rules": "strict", "maxSteps": 2})
    done = assay("env", "walk", "shop", "--options", options, stdin=b"search[lamp]\nlook\nsearch[lamp]\nlook\n")
    assert [line["truncated"] for line in done.lines] == [False, False, True, True, True]
    assert [line["index"] for line in done.lines] == [0, 1, 2, 3, 4]
    assert done.lines[3]["observation"] == done.lines[2]["observation"]


def test_a_folder_that_is_not_there_is_a_usage_error():
    done = assay("env", "walk", "shop", "--options", '{"catalogue":"/nowhere"}')
    assert done.code == 2
    assert "catalogue" in done.stderr
