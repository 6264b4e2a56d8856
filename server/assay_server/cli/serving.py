"""``assay serve``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from assay_server.cli.refusals import Usage
from assay_server.config import Settings
from assay_server.serve import serve
from assay_server.worker import work


def serve_until_stopped(plugins: Sequence[str] | None = None, **options: str | None) -> int:
    """Run the server in the foreground; the exit status of its drain.

    Raises:
        Usage: a setting, from an option or an ``ASSAY_*`` variable, is not usable.
    """
    return serve(_settings({**options, "plugins": tuple(plugins)} if plugins else options))


def work_until_stopped(**options: str | int | None) -> int:
    """Run a worker in the foreground; its exit status.

    Raises:
        Usage: as above.
    """
    return work(_settings(options))


def _settings(options: Mapping[str, object]) -> Settings:
    try:
        return Settings.model_validate({name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        raise Usage(_listed(error)) from error


def _listed(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
