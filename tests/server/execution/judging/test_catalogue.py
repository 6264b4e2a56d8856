from __future__ import annotations

from pathlib import Path

import pytest

from assay_server.config import Settings
from assay_server.execution.judging import InvalidJudges, load_judges
from assay_server.process import ServerProcess

ENTRY = '[judges.strict]\nbase_url = "http://judge.internal:8000/v1/"\nmodel = "m"\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "judges.toml"
    path.write_text(text)
    return path


def test_an_entry_with_its_defaults(tmp_path: Path):
    (endpoint,) = load_judges(written(tmp_path, ENTRY), {})
    assert (endpoint.name, endpoint.key) == ("strict", None)
    assert endpoint.settings.base_url == "http://judge.internal:8000/v1"
    assert endpoint.settings.max_concurrent == 32
    assert endpoint.settings.budget.calls is None


def test_everything_that_may_be_set(tmp_path: Path):
    (tmp_path / "key").write_text("sk-1\n")
    text = ENTRY + (
        'api_key_file = "key"\nca_file = "ca.pem"\nmax_concurrent = 4\ntimeout = 5\nretries = 0\nretry_delay = 0.1\n'
        'max_tokens = 9\nmax_characters = 10\nresponse_format = "json_schema"\ncache_entries = 0\n'
        "[judges.strict.budget]\ncalls = 10\ntokens = 1000\nperiod_seconds = 3600\n"
        '[judges.other]\nbase_url = "https://x/v1"\nmodel = "o"\napi_key_env = "OTHER_KEY"\n'
    )
    strict, other = load_judges(written(tmp_path, text), {"OTHER_KEY": "sk-2"})
    assert [one.key.get_secret_value() if one.key else None for one in (strict, other)] == ["sk-1", "sk-2"]
    assert strict.settings.ca_file == tmp_path / "ca.pem"
    assert (strict.settings.budget.calls, strict.settings.timeout) == (10, 5.0)
    assert "sk-1" not in repr(strict) + str(strict)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected [judges.NAME] tables"),
        ("[other]\nx = 1", "expected [judges.NAME] tables"),
        ("judges = 3", "expected [judges.NAME] tables"),
        ('[judges.a]\nmodel = "m"', "judges.a: base_url"),
        ("[judges]\na = 3", "judges.a: "),
        ('[judges."a b"]\nmodel = "m"', "the name 'a b'"),
        (ENTRY + 'api_key = "sk-secret"', "judges.strict: api_key"),
        (ENTRY + "api_key sk-secret", "is not TOML"),
        (ENTRY + "timeout = -1", "judges.strict: timeout"),
        (ENTRY + "timeout = nan", "judges.strict: timeout"),
        (ENTRY + "max_concurrent = 0", "judges.strict: max_concurrent"),
        (ENTRY + 'api_key_env = "NOT_SET"', "the variable NOT_SET holds no key"),
        (ENTRY + 'api_key_env = "SPLIT"', "the variable SPLIT holds no key"),
        (ENTRY + 'api_key_file = "absent"', "cannot read"),
        (ENTRY + 'api_key_file = "k"\napi_key_env = "E"', "not both"),
        ('[judges.a]\nmodel = "m"\nbase_url = "ftp://x/v1"', "http or https"),
        ('[judges.a]\nmodel = "m"\nbase_url = "http://u:sk-secret@x/v1"', "no credentials"),
        ('[judges.a]\nmodel = "m"\nbase_url = "http://x/v1?key=sk-secret"', "no credentials"),
    ],
)
def test_mistakes_are_named_and_values_are_not(tmp_path: Path, text: str, expected: str):
    with pytest.raises(InvalidJudges) as caught:
        load_judges(written(tmp_path, text), {"SPLIT": "sk-secret\r\nx-evil: 1"})
    assert expected in str(caught.value)
    assert "sk-secret" not in str(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_file_stops_the_server_before_it_starts(tmp_path: Path):
    with pytest.raises(InvalidJudges, match="cannot read"):
        ServerProcess(Settings(store="memory:", token_file=None, judges=tmp_path / "absent.toml"))
