"""Environments get the ports that they take, in whatever catalogue they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.sdk import Json
from assay_server.environments.asked import Reach
from assay_server.environments.catalogue import builtin_environments
from assay_server.environments.protocol import InvalidOptions
from assay_server.execution.corpus_folders import CorpusFolders
from assay_server.execution.environment_ports import Ports, all_with_ports, folders_in
from assay_server.execution.shop_folders import ShopFolders
from assay_server.execution.sql.question_folders import QuestionFolders


def ports(root: Path) -> Ports:
    folders = folders_in(str(root))
    reach = Reach(programs=True, judges=("anna",))
    return Ports(reach, CorpusFolders(folders), QuestionFolders(folders), ShopFolders(folders))


def test_every_environment_is_there_with_the_digest_of_its_code(tmp_path: Path) -> None:
    served = all_with_ports(builtin_environments(), ports(tmp_path))
    assert {one.id: one.digest for one in served.definitions()} == {
        one.id: one.digest for one in builtin_environments().definitions()
    }
    assert served.resolve("keydoor") == builtin_environments().resolve("keydoor")


@pytest.mark.parametrize(
    ("name", "option", "expected"),
    [
        ("tools", {"corpus": "absent"}, "there are: mine"),
        ("sql", {"questions": "absent"}, "there are: generated, mine"),
        ("shop", {"catalogue": "absent"}, "there are: mine"),
    ],
)
def test_folders_are_known_by_their_names(tmp_path: Path, name: str, option: dict[str, Json], expected: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "a-file").touch()
    served = all_with_ports(builtin_environments(), ports(tmp_path)).resolve(name)
    with pytest.raises(InvalidOptions, match=expected):
        served.make().reset(0, option)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("apps", {"code": True}),
        ("apps", {"family": "hotel", "user": "judge", "judge": "anna"}),
        ("hidden-facts", {"respondent": "judge", "judge": "anna"}),
    ],
)
def test_what_asks_the_outside_reaches_it_only_with_ports(tmp_path: Path, name: str, options: dict[str, Json]) -> None:
    with pytest.raises(InvalidOptions):
        builtin_environments().resolve(name).make().reset(0, options)
    assert all_with_ports(builtin_environments(), ports(tmp_path)).resolve(name).make().reset(0, options).observation


def test_no_folder_has_no_folders() -> None:
    assert folders_in("") == {}
