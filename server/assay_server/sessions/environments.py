"""The environments that a worker can make."""

from __future__ import annotations

from collections.abc import Callable

from assay_server.environments.catalogue import UnknownEnvironment, builtin_environments
from assay_server.environments.protocol import Environment
from assay_server.sessions.values import Reason, SessionFault, SessionSpec


def environment_maker() -> Callable[[SessionSpec], Environment]:
    """Makes the environment that a spec names, of exactly the code that the spec was made with."""
    catalogue = builtin_environments()

    def make(spec: SessionSpec) -> Environment:
        try:
            definition = catalogue.resolve(spec.environment)
        except UnknownEnvironment as error:
            raise SessionFault(Reason.UNKNOWN_ENVIRONMENT, str(error), field="environment_id") from error
        if definition.digest != spec.digest:
            raise SessionFault(
                Reason.ENVIRONMENT_CHANGED,
                f"{spec.environment} is other code now than when the session was made",
                {"recorded": spec.digest, "present": definition.digest},
            )
        return definition.make()

    return make
