from __future__ import annotations

from pathlib import Path

import pytest

from assay_server.execution.sql.catalogue import Databases, InvalidDatabases, load_databases
from assay_server.execution.sql.targets import Target
from tests.server.execution.sql.shops import make_shop


def written(folder: Path, text: str) -> Path:
    path = folder / "databases.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_databases_are_named_by_the_operator(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop.sqlite")
    spider = tmp_path / "spider" / "database" / "concert_singer"
    spider.mkdir(parents=True)
    make_shop(spider / "concert_singer.sqlite")
    make_shop(spider / "other.db")
    text = '[databases.shop]\npath = "shop.sqlite"\n[databases.far]\nengine = "postgres"\ndsn_env = "DSN"\nrole = "r"\n'
    found = load_databases(
        written(tmp_path, text + '[folders.spider]\npath = "spider/database"\n'), {"DSN": "host=there"}
    )
    assert found.names == ("far", "shop", "spider/concert_singer", "spider/concert_singer/other")
    assert found.find("shop") == Target("sqlite", str(shop))
    assert found.find("far") == Target("postgres", "host=there", "r")
    assert found.find("spider/concert_singer") == Target("sqlite", str(spider / "concert_singer.sqlite"))
    assert found.find("../shop.sqlite") is None
    assert found.find(str(shop)) is None


def test_paths_are_for_those_who_are_told_so(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop.sqlite")
    assert Databases(paths=True).find(str(shop)) == Target("sqlite", str(shop))
    assert Databases(paths=True).find("") is None
    assert Databases().find(str(shop)) is None


def test_generated_databases_are_always_there() -> None:
    databases = Databases()
    assert databases.find("generated/bookshop") == databases.find("generated/bookshop/0")
    assert databases.find("generated/bookshop/7") == Target("generated", "bookshop/7")
    for name in (
        "generated/nothing",
        "generated/bookshop/x",
        "generated/bookshop/-1",
        "generated/",
        "generated/zoo/1/2",
    ):
        assert databases.find(name) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[databases.x]\npath = 'nowhere.sqlite'", "no file"),
        ("[databases.x]\nengine = 'oracle'\npath = 'x'", "engine"),
        ("[databases.x]\nengine = 'postgres'\ndsn_env = 'NOT_SET'", "NOT_SET is empty"),
        ("[databases.x]\nengine = 'postgres'\npath = 'x'", "dsn_env"),
        ("[databases.x]\ndsn_env = 'X'", "expected path"),
        ("[databases.x]\nfile = 'x'", "file"),
        ("[databases.'a b']\npath = 'x'", "the name"),
        ("[folders.x]\npath = 'nowhere'", "no folder"),
        ("[other]\nx = 1", "nothing else"),
        ("databases = 1", "expected [databases.NAME]"),
        ("[databases", "not TOML"),
    ],
)
def test_a_catalogue_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidDatabases) as refused:
        load_databases(written(tmp_path, text), {})
    assert message in str(refused.value)


def test_a_catalogue_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDatabases, match="cannot read"):
        load_databases(tmp_path / "none.toml", {})
