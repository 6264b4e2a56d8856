"""The one table of languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from assay_sandbox.protocol import Limits

_MIB = 1 << 20
_COMPILING = Limits(60_000, 120_000, 2048 * _MIB, 256, 512 * _MIB)


@dataclass(frozen=True, slots=True)
class Language:
    """How programs in one language become runs.

    Attributes:
        name: its id.
        aliases: other names of it, as on code fences.
        file: what the source is called.
        tools: commands that print their version; all must work for the language to be available.
        compile: argv, ``{file}`` and ``{stem}`` filled in; empty where nothing is compiled.
        product: file that the compiler makes; empty where the source itself runs.
        syntax: argv that only parses; empty where compiling is the way.
        run: argv; ``{memory}`` is MiB that the program may use. Empty for Python, which runs in a warm interpreter.
        reserves: maps far more memory than it uses, so that it is available only where the memory of a run as a whole
            is bounded.
        name_in_source: finds the file's stem in the source, for languages that insist on it.
    """

    name: str
    aliases: tuple[str, ...]
    file: str
    tools: tuple[tuple[str, ...], ...]
    compile: tuple[str, ...] = ()
    product: str = ""
    syntax: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    compile_limits: Limits = field(default_factory=lambda: _COMPILING)
    run_pids: int = 64
    reserves: bool = False
    name_in_source: re.Pattern[str] | None = None

    def stem(self, source: str) -> str:
        """The file's name without its extension."""
        found = self.name_in_source.search(source) if self.name_in_source else None
        return found[1] if found else self.file.rpartition(".")[0]

    def file_name(self, source: str) -> str:
        """What this source is called."""
        return f"{self.stem(source)}.{self.file.rpartition('.')[2]}"


_JAVA_CLASS = re.compile(r"\bpublic\s{1,9}(?:final\s{1,9})?class\s{1,9}([A-Za-z_]\w{0,99})")

LANGUAGES: Mapping[str, Language] = {
    language.name: language
    for language in (
        Language("python", ("py", "python3"), "main.py", ()),
        Language(
            "cpp",
            ("c++", "cc", "cxx"),
            "main.cpp",
            (("g++", "--version"),),
            ("g++", "-std=c++20", "-O2", "-pipe", "-o", "program", "{file}"),
            "program",
            ("g++", "-std=c++20", "-fsyntax-only", "{file}"),
            ("./program",),
        ),
        Language(
            "c",
            (),
            "main.c",
            (("gcc", "--version"),),
            ("gcc", "-std=c17", "-O2", "-pipe", "-o", "program", "{file}", "-lm"),
            "program",
            ("gcc", "-std=c17", "-fsyntax-only", "{file}"),
            ("./program",),
        ),
        Language(
            "javascript",
            ("js", "node"),
            "main.js",
            (("node", "--version"),),
            ("node", "--check", "{file}"),
            "",
            ("node", "--check", "{file}"),
            ("node", "--max-old-space-size={memory}", "--stack-size=4000", "{file}"),
            reserves=True,
        ),
        Language(
            "java",
            (),
            "Main.java",
            (("javac", "-version"), ("java", "-version")),
            ("sh", "-c", "javac -encoding UTF-8 -d classes {file} && jar cf program.jar -C classes ."),
            "program.jar",
            ("javac", "-encoding", "UTF-8", "-proc:none", "-d", "classes", "{file}"),
            ("java", "-Xmx{memory}m", "-Xss64m", "-XX:+UseSerialGC", "-cp", "program.jar", "{stem}"),
            run_pids=128,
            reserves=True,
            name_in_source=_JAVA_CLASS,
        ),
        Language(
            "go",
            ("golang",),
            "main.go",
            (("go", "version"),),
            ("go", "build", "-o", "program", "{file}"),
            "program",
            ("gofmt", "-e", "-l", "{file}"),
            ("./program",),
            {"GO111MODULE": "off", "GOFLAGS": "-p=2", "GOMAXPROCS": "2", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"},
            run_pids=128,
            reserves=True,
        ),
        Language(
            "rust",
            ("rs",),
            "main.rs",
            (("rustc", "--version"),),
            ("rustc", "--edition=2021", "-O", "-o", "program", "{file}"),
            "program",
            (),
            ("./program",),
        ),
        Language(
            "bash",
            ("sh", "shell"),
            "main.sh",
            (("bash", "--version"),),
            ("bash", "-n", "{file}"),
            "",
            ("bash", "-n", "{file}"),
            ("bash", "{file}"),
        ),
    )
}

_NAMES = {name: language for language in LANGUAGES.values() for name in (language.name, *language.aliases)}


def language_named(name: str) -> Language | None:
    """The language of this name or alias, whatever its case."""
    return _NAMES.get(name.strip().lower())
