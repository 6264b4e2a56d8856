"""``assay report``: a run's page as one file that needs no server."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Final

from assay.connection import read_token
from assay_server.cli.refusals import Usage
from assay_server.config import Settings
from assay_server.console.errors import NotHeld
from assay_server.console.opening import UNREADABLE, Source, open_records, source_of
from assay_server.console.questions import Questions
from assay_server.console.report import report_page
from assay_server.redaction import redacted
from assay_server.store.opening import REDIS_SCHEMES

_SECONDS: Final = 120.0
_STANDARD_OUTPUT: Final = "-"


def write_report(
    run: str,
    output: str,
    *,
    tenant: str,
    store: str | None,
    records: Path | None,
    server: str | None,
    token: str | None,
) -> None:
    """Write the page of a run to a file, or to standard output (``-``).

    Args:
        tenant: whose run it is; a named server knows that by the token.
        store: ``sqlite:PATH`` or ``redis://...``; servers may be using it. None = the one that a server here would
            use.
        records: of a store in Redis: its folder. None = the one that a server here would use.
        server: the HTTP address of a server that makes the page instead.

    Raises:
        Usage: there is no such store, run or server.
    """
    if server is not None and store is not None:
        raise Usage("--store is for records on this machine; a named server has its own")
    page = _of_server(run, server, token) if server is not None else _of_store(run, _source(store, records), tenant)
    if output == _STANDARD_OUTPUT:
        sys.stdout.buffer.write(page)
        sys.stdout.buffer.flush()
    else:
        try:
            Path(output).write_bytes(page)
        except OSError as error:
            raise Usage(f"--output {output}: {error.strerror}") from error


def _source(store: str | None, records: Path | None) -> Source:
    settings = Settings() if store is None else Settings(store=store)
    url = settings.store
    source = source_of(url, records or settings.records)
    if source is None and url.partition(":")[0] in REDIS_SCHEMES:
        raise Usage("a store in Redis needs --records: the folder that all servers of the fleet see")
    if source is None:
        raise Usage(f"--store {redacted(url)}: expected sqlite:PATH or redis://HOST:PORT; others are not kept")
    if source.file is not None and not source.file.is_file():
        raise Usage(f"--store {url}: there is no such file")
    return source


def _of_store(run: str, source: Source, tenant: str) -> bytes:
    try:
        records = open_records(source)
        try:
            told = Questions(records).answer("whole_run", tenant, {"run": run})
        finally:
            records.close()
    except NotHeld as error:
        raise Usage(str(error)) from error
    except UNREADABLE as error:
        raise Usage(f"these records cannot be read ({redacted(str(error))})") from error
    return report_page(json.dumps(told, ensure_ascii=False, allow_nan=False).encode())[0].encode()


def _of_server(run: str, server: str, token: str | None) -> bytes:
    address = server if "://" in server else f"http://{server}"
    if not address.startswith(("http://", "https://")):
        raise Usage(f"--server {server}: expected the address of a server's HTTP door, such as localhost:8080")
    known = token or (read_token() if urllib.parse.urlsplit(address).hostname in ("localhost", "127.0.0.1") else None)
    request = urllib.request.Request(f"{address.rstrip('/')}/console/report?{urllib.parse.urlencode({'run': run})}")  # noqa: S310 - http only, see above
    if known:
        request.add_header("Authorization", f"Bearer {known}")
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
            return answer.read()
    except urllib.error.HTTPError as error:
        with error:
            raise Usage(f"--server {server}: {_said(error.read())}") from error
    except OSError as error:
        raise Usage(f"--server {server}: is not there ({error})") from error


def _said(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return "an answer that is not Assay's"
