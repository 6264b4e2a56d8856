"""Which pages there are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from .commands import command_page
from .python_api import client_page, sdk_page
from .registry import environment_page, reward_page
from .settings import settings_page


@cache
def declared_pages() -> Mapping[str, str]:
    """By name every page that is made of Python's declarations."""
    return {
        "rewards.md": reward_page(),
        "environments.md": environment_page(),
        "commands.md": command_page(),
        "settings.md": settings_page(),
        "client.md": client_page(),
        "sdk.md": sdk_page(),
    }
