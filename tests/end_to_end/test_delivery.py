from __future__ import annotations

from .rollouts import mixed_group
from .server import serving


async def test_a_group_is_accepted_scored_and_finished() -> None:
    async with serving() as server:
        await server.create_run("run")
        async with server.stream("run", "rank-0") as stream:
            await stream.send(*mixed_group("g", 4, 1))
            await stream.finish()
        assert stream.accepted == ["g/0", "g/1", "g/2", "g/3"]
        stream.assert_accepted_first()
        assert [stream.samples[f"g/{i}"].score.value for i in range(4)] == [1.0, 0.0, 0.0, 0.0]
        assert list(stream.groups["g"].rollout_ids) == ["g/0", "g/1", "g/2", "g/3"]
        assert stream.last == 5
