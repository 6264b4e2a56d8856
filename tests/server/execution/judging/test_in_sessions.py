"""A judge as the other party of a dialogue: from the operator's file to the sessions of a trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay import InvalidArgument, aio
from assay.sdk import Json
from assay_server.config import Settings
from assay_server.process import ServerProcess

from .chat_server import ChatServer, refuses, says

ASK = 'ask_user(question="Which amount is it?")'


async def test_a_judge_of_the_catalogue_plays_the_user_of_sessions(server: ChatServer, tmp_path: Path):
    catalogue = tmp_path / "judges.toml"
    catalogue.write_text(f'[judges.user]\nbase_url = "{server.url}"\nmodel = "judge-1"\nretries = 0\n')
    options: dict[str, Json] = {"family": "hotel", "user": "judge", "judge": "user"}
    process = ServerProcess(
        Settings(
            listen="127.0.0.1:0",
            http_listen="",
            store="memory:",
            token_file=None,
            judges=catalogue,
            environment_workers=1,
            sandbox="none",
        )
    )
    await process.start()
    try:
        async with aio.Client(process.address) as client:
            for wrong, why in (
                ({"judge": "other"}, "there is no judge called 'other'"),
                ({"code": True}, "ASSAY_SANDBOX"),
            ):
                refused = client.make_vec("apps", num_groups=1, group_size=1, seed=4, options={**options, **wrong})
                with pytest.raises(InvalidArgument, match=why):
                    await refused.reset()
            episodes = client.make_vec("apps", num_groups=1, group_size=2, seed=4, options=options)
            await episodes.reset()
            server.replies(refuses(500))
            *_, info = await episodes.step([ASK, None])
            failure = info["error"][0]
            assert failure is not None
            assert (failure.reason, failure.metadata["outside_reason"]) == ("OUTSIDE_UNAVAILABLE", "JUDGE_UNAVAILABLE")
            server.replies(says({"reply": "As we said.", "told": ["amount"], "agrees": []}))
            seen, *_, info = await episodes.step([None, ASK])
            assert seen[1] == "As we said."
            assert info["further"][1]["factsTold"] == ["amount"]
            assert "Which amount is it?" in server.asked[-1].user
            await episodes.close()
    finally:
        await process.drain()
