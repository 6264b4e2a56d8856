"""``assay serve``."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from assay_server.cli.refusals import Usage
from assay_server.config import Settings
from assay_server.serve import serve


def serve_until_stopped(plugins: Sequence[str] | None = None, **options: str | None) -> int:
    """Run the server in the foreground; the exit status of its drain.

    Raises:
        Usage: a setting, from an option or an ``ASSAY_*`` variable, is not usable.
    """
    try:
        given: dict[str, object] = {name: value for name, value in options.items() if value is not None}
        settings = Settings.model_validate({**given, "plugins": tuple(plugins)} if plugins else given)
    except ValidationError as error:
        raise Usage(_listed(error)) from error
    return serve(settings)


def _listed(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
