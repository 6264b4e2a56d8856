"""The operator's catalogue of judges: which endpoints there are, how they are reached, what they may cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

import tomllib
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_KEY = re.compile(r"[\x21-\x7e]{1,4096}")


class InvalidJudges(ValueError):
    """The catalogue cannot be used; the message names the endpoint and the setting, never a value."""


class BudgetSettings(BaseModel):
    """What an endpoint may cost; counted by this process."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    calls: int | None = Field(default=None, ge=0)
    """Requests that may be sent, repairs included; None = no limit."""

    tokens: int | None = Field(default=None, ge=0)
    """Prompt and completion tokens after which nothing more is asked; None = no limit."""

    period_seconds: float | None = Field(default=None, gt=0.0)
    """The budget is whole again after this long; None = it is for the life of the process."""


class PriceSettings(BaseModel):
    """What an endpoint charges, in a unit of the operator's choice that all prices share."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    prompt: float = Field(default=0.0, ge=0.0)
    """Per million tokens of questions."""

    completion: float = Field(default=0.0, ge=0.0)
    """Per million tokens of answers."""

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Of one call."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / 1e6


class EndpointSettings(BaseModel):
    """One ``[judges.NAME]`` table."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    base_url: str
    """Up to and with the version: ``http://judge.internal:8000/v1``; ``/chat/completions`` is appended."""

    model: str = Field(min_length=1)
    """What the endpoint calls the model."""

    api_key_file: Path | None = None
    """A file that holds the bearer key."""

    api_key_env: str | None = None
    """An environment variable of the server that holds the bearer key."""

    ca_file: Path | None = None
    """Certificate authorities for https; None = the public ones."""

    max_concurrent: int = Field(default=32, ge=1, le=4096)
    """Requests under way at a time; more wait, and their execution timeout waits with them."""

    timeout: float = Field(default=60.0, gt=0.0)
    """Seconds for one request."""

    retries: int = Field(default=3, ge=0, le=20)
    """Further attempts after 408, 409, 425, 429, 5xx, a broken connection or an answer that is no completion."""

    retry_delay: float = Field(default=0.5, gt=0.0)
    """Seconds before the first further attempt, doubled for each, with jitter; Retry-After goes before it."""

    max_tokens: int = Field(default=1024, ge=1)
    """Length of a verdict in tokens."""

    max_characters: int = Field(default=100_000, ge=1)
    """Characters of the texts of one question; longer ones are refused, never cut."""

    response_format: Literal["none", "json_object", "json_schema"] = "none"
    """What the endpoint is asked to enforce, where it can; every answer is checked anyway."""

    cache_entries: int = Field(default=10_000, ge=0)
    """Verdicts kept in memory, the least recently used leave first; 0 = none."""

    budget: BudgetSettings = BudgetSettings()

    prices: PriceSettings | None = None
    """None = not known: runs that limit what judges cost cannot ask it."""

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an http or https URL with a host")
        try:
            parts.hostname.encode("idna")
        except UnicodeError:
            raise ValueError("its host is no name of the internet's") from None
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("expected no credentials, query or fragment; keys go into api_key_file or api_key_env")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one_key(self) -> EndpointSettings:
        if self.api_key_file is not None and self.api_key_env is not None:
            raise ValueError("give api_key_file or api_key_env, not both")
        return self


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint with its key, which no representation shows."""

    name: str
    settings: EndpointSettings
    key: SecretStr | None = None


def load_judges(path: Path, environment: Mapping[str, str]) -> tuple[Endpoint, ...]:
    """The endpoints of a TOML file with ``[judges.NAME]`` tables.

    Args:
        path: the file; relative paths in it start from its folder.
        environment: where ``api_key_env`` is looked up.

    Raises:
        InvalidJudges: the file or a key is missing, or a setting is unknown or out of range.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidJudges(f"judges: cannot read {path}: {error.strerror}") from None
    except ValueError:
        # A parser's message may quote the line, and a line may hold a key.
        raise InvalidJudges(f"judges: {path} is not TOML") from None
    tables: object = document.get("judges")
    if not isinstance(tables, dict) or set(document) != {"judges"}:
        raise InvalidJudges(f"judges: {path}: expected [judges.NAME] tables and nothing else")
    named = cast("dict[str, object]", tables)
    return tuple(_endpoint(name, table, path.parent, environment) for name, table in named.items())


def _endpoint(name: str, table: object, folder: Path, environment: Mapping[str, str]) -> Endpoint:
    if not _NAME.fullmatch(name):
        raise InvalidJudges(f"judges: the name {name[:80]!r}: expected letters, digits, '_', '.', '-', at most 64")
    try:
        settings = EndpointSettings.model_validate(table)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'table'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise InvalidJudges(f"judges.{name}: {problems}") from None
    if settings.ca_file is not None:
        settings = settings.model_copy(update={"ca_file": folder / settings.ca_file})
    return Endpoint(name, settings, _key(name, settings, folder, environment))


def _key(name: str, settings: EndpointSettings, folder: Path, environment: Mapping[str, str]) -> SecretStr | None:
    if settings.api_key_env is not None:
        key, source = environment.get(settings.api_key_env, "").strip(), f"the variable {settings.api_key_env}"
    elif settings.api_key_file is not None:
        path = folder / settings.api_key_file
        try:
            key, source = path.read_text(encoding="utf-8").strip(), f"the file {path}"
        except (OSError, UnicodeDecodeError):
            raise InvalidJudges(f"judges.{name}: api_key_file: cannot read {path}") from None
    else:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidJudges(f"judges.{name}: {source} holds no key of printable ASCII characters without spaces")
    return SecretStr(key)
