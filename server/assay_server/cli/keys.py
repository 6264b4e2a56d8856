"""``assay keys create | list | rotate | revoke``: the file of keys that servers read."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay_server.cli.refusals import Usage, told_plainly
from assay_server.keys import InvalidKeys, Key, Scope, editing, new_key, read_keys

if TYPE_CHECKING:
    from assay.sdk import Json  # imports numpy, which no help needs

app = typer.Typer(help="Make, list, replace and revoke the keys of callers.", no_args_is_help=True)

File = Annotated[Path, typer.Option("--file", envvar="ASSAY_KEYS_FILE", show_envvar=True, help="The file of keys.")]
Days = Annotated[int | None, typer.Option(min=1, max=36_500, help="Until when; without it the key never expires.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="`assay keys list` shows it; part of the key's text.")]


@app.command()
def create(
    file: File,
    principal: Annotated[str, typer.Option(help="Who holds it, as the audit log shall say.")],
    scope: Annotated[list[Scope], typer.Option(help="What it is for; may be given several times.")],
    tenant: Annotated[str, typer.Option(help="Whose runs it sees.")] = "local",
    days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it: now and never again, as the file holds its digest alone."""
    with told_plainly(), _put_into_words():
        now = datetime.now(timezone.utc)
        key, text = new_key(principal, tenant, scope, now, None if days is None else now + timedelta(days=days))
        with editing(file) as keys:
            keys.append(key)
        _hand_out(key, text, as_json=as_json)


@app.command(name="list")
def list_(file: File, as_json: AsJson = False) -> None:
    """List the keys: who, which tenant, what for, until when."""
    with told_plainly(), _put_into_words():
        now = datetime.now(timezone.utc).timestamp()
        for key in read_keys(file):
            shown = _shown(key)
            if as_json:
                typer.echo(json.dumps({**shown, "expired": key.expired(now)}))
                continue
            until = "never expires" if key.expires is None else f"until {key.expires:%Y-%m-%d %H:%M %Z}"
            over = ", EXPIRED" if key.expired(now) else ""
            scopes = ",".join(sorted(scope.value for scope in key.scopes))
            typer.echo(f"{key.key_id}  {key.tenant}/{key.principal}  {scopes}  {until}{over}")


@app.command()
def rotate(
    key_id: KeyId,
    file: File,
    overlap_hours: Annotated[float, typer.Option(min=0, max=8760, help="How long the old key still counts.")] = 24.0,
    days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Make a key like this one and print it; the old one ends after the overlap."""
    with told_plainly(), _put_into_words():
        now = datetime.now(timezone.utc)
        with editing(file) as keys:
            position = _position(keys, key_id)
            old = keys[position]
            if old.expired(now.timestamp()):
                raise InvalidKeys(f"the key {key_id} has expired; make a new one")
            expires = None if days is None else now + timedelta(days=days)
            key, text = new_key(old.principal, old.tenant, old.scopes, now, expires)
            last = now + timedelta(hours=overlap_hours)
            keys[position] = replace(old, expires=last if old.expires is None else min(last, old.expires))
            keys.append(key)
        _hand_out(key, text, as_json=as_json)


@app.command()
def revoke(key_id: KeyId, file: File) -> None:
    """Take a key out of the file; servers refuse it within a second and end its streams."""
    with told_plainly(), _put_into_words():
        with editing(file) as keys:
            del keys[_position(keys, key_id)]
        typer.echo(f"revoked {key_id}", err=True)


def _position(keys: list[Key], key_id: str) -> int:
    for position, key in enumerate(keys):
        if key.key_id == key_id:
            return position
    raise InvalidKeys(f"there is no key {key_id[:40]!r}; `assay keys list` shows those there are")


def _shown(key: Key) -> dict[str, Json]:
    return {
        "id": key.key_id,
        "principal": key.principal,
        "tenant": key.tenant,
        "scopes": [*sorted(scope.value for scope in key.scopes)],
        "created": key.created.isoformat(timespec="seconds"),
        "expires": None if key.expires is None else key.expires.isoformat(timespec="seconds"),
    }


def _hand_out(key: Key, text: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**_shown(key), "key": text}))
        return
    typer.echo(text)
    typer.echo(f"key {key.key_id} of {key.tenant}/{key.principal}; it is not shown again", err=True)


@contextmanager
def _put_into_words() -> Generator[None]:
    try:
        yield
    except InvalidKeys as error:
        raise Usage(str(error)) from error
    except OSError as error:
        raise Usage(f"{error.filename}: {error.strerror}") from error
