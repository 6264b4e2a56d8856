from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
import pytest

from assay import Client, InvalidArgument, SessionPolicy
from assay.integrations.service import Service

gymnasium = pytest.importorskip("gymnasium", reason="the extra `environments` is not installed")

from assay.integrations.gymnasium import AssayVectorEnv, TextSpace  # noqa: E402 - after the skip


def test_groups_are_played_through_the_vector_interface(service: Service):
    with Client(service.target) as client:
        envs = AssayVectorEnv(client.make_vec("keydoor", num_groups=2, group_size=3, seed=4))
        assert isinstance(envs, gymnasium.vector.VectorEnv)
        assert envs.metadata["autoreset_mode"] is gymnasium.vector.AutoresetMode.DISABLED
        seen, info = envs.reset(seed=4)
        assert envs.observation_space.contains(seen)
        assert len(set(seen[:3])) == 1
        admissible = cast("list[tuple[str, ...]]", info["admissible_actions"])
        assert len(admissible) == envs.num_envs == 6
        actions = tuple(allowed[0] for allowed in admissible)
        assert envs.action_space.contains(actions)
        seen, rewards, ended, cut, info = envs.step(actions)
        assert (len(seen), rewards.dtype, ended.dtype, cut.dtype) == (6, np.float64, np.bool_, np.bool_)
        assert cast("npt.NDArray[np.object_]", info["state_digest"]).shape == (6,)
        again, _ = envs.reset(seed=4, options={"reset_mask": np.ones(6, np.bool_)})
        assert again[0] == again[1]
        with pytest.raises(InvalidArgument, match="groups"):
            envs.reset(options={"reset_mask": np.array([True] + [False] * 5)})
        envs.close()


def test_the_episode_statistics_wrapper_goes_over_it(service: Service):
    with Client(service.target) as client:
        vector = client.make_vec("keydoor", 1, 2, 4, policy=SessionPolicy(max_steps=2))
        envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(AssayVectorEnv(vector))
        envs.reset(seed=4)
        envs.step(("look", "look"))
        _, _, _, cut, info = envs.step(("look", "look"))
        assert cut.all()
        assert info["episode"]["l"].tolist() == [2, 2]
        envs.close()


def test_the_space_holds_every_text():
    space = TextSpace(seed=1)
    assert space.contains("ünïcode\n")
    assert not space.contains(3)
    assert space.contains(space.sample())
    assert space == TextSpace()
