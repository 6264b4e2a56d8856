"""A store that several replicas share: control state in Redis, records in a folder that all of them see."""

from .store import RedisStore

__all__ = ["RedisStore"]
