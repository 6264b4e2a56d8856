"""A folder of the session's own, in memory: texts under names."""

from __future__ import annotations

import re
from collections.abc import Mapping

MOST_FILES = 64
MOST_CHARACTERS = 65_536
"""Of a file."""
MOST_TOGETHER = 262_144
"""Characters of all files."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*){0,7}")
_LONGEST_NAME = 100


class FileError(Exception):
    """What was asked of the folder cannot be done; the message says why."""


class Folder:
    """Names and texts. Paths mean nothing: ``a/b`` is a name."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    @property
    def texts(self) -> Mapping[str, str]:
        """All files."""
        return self._texts

    def read(self, name: str) -> str:
        """A file's text. Raises FileError."""
        if name not in self._texts:
            raise FileError(f"there is no file {name[:80]!r}")
        return self._texts[name]

    def write(self, name: str, text: str, *, append: bool = False) -> None:
        """Make a file, or write over one, or after its end. Raises FileError where a cap is reached."""
        if len(name) > _LONGEST_NAME or _NAME.fullmatch(name) is None:
            raise FileError("a name has letters, digits, '_', '-', '.' and '/', and 100 characters at most")
        before = self._texts.get(name, "")
        if name not in self._texts and len(self._texts) >= MOST_FILES:
            raise FileError(f"there are {MOST_FILES} files, and there may be no more")
        new = before + text if append else text
        if len(new) > MOST_CHARACTERS:
            raise FileError(f"a file may have {MOST_CHARACTERS} characters, this would have {len(new)}")
        if sum(map(len, self._texts.values())) - len(before) + len(new) > MOST_TOGETHER:
            raise FileError(f"all files together may have {MOST_TOGETHER} characters")
        self._texts[name] = new

    def delete(self, name: str) -> None:
        """Remove a file. Raises FileError."""
        self.read(name)
        del self._texts[name]
