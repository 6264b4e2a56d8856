"""From a source to what runs: compiled once, and remembered by content within the tenant."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from assay_sandbox.languages.table import LANGUAGES, Language, language_named
from assay_sandbox.protocol import Backend, Exec, Launch, Limits, Outcome, PythonCall, Reason
from assay_sandbox.suites.verdict import Unjudged

_SCRIPT = "assay_sandbox.harness.script:run"
_SYNTAX = "assay_sandbox.harness.syntax:check"
_MIB = 1 << 20
_LONGEST_OUTPUT = 20_000
_CACHE_BYTES = 256 * _MIB
_OVERHEAD_BYTES = 1024
_TOOL_LIMITS = Limits(10_000, 20_000, 1024 * _MIB)


@dataclass(frozen=True, slots=True)
class Built:
    """A program that can be run, or why there is none.

    Attributes:
        error: what the compiler said; empty where the program can be run.
        compile_ms: what compiling took; 0 where it was remembered.
    """

    language: Language
    source: str
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    error: str = ""
    compile_ms: float = 0.0

    def launch(self, limits: Limits, stdin: bytes = b"", arguments: tuple[str, ...] = ()) -> Launch:
        """A run of the program."""
        language = self.language
        if language.name == "python":
            call = PythonCall(_SCRIPT, self.source.encode("utf-8", "surrogatepass"))
            if arguments:
                payload = json.dumps({"source": self.source, "arguments": arguments})
                call = PythonCall(f"{_SCRIPT}_with_arguments", payload.encode())
            return Launch(call, limits, stdin, self.files)
        argv = (*_filled(language.run, language, self.source, limits), *arguments)
        limits = replace(limits, pids=max(limits.pids, language.run_pids))
        return Launch(Exec(argv, language.env), limits, stdin, self.files)


class Builder:
    """Compiles in the sandbox."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._cache: OrderedDict[tuple[str, str, str], Built] = OrderedDict()
        self._bytes = 0
        self._under_way: dict[tuple[str, str, str], asyncio.Task[Built]] = {}
        self._missing: dict[str, str] = {}

    async def built(self, tenant: str, name: str, source: str) -> Built:
        """The program. Raises Unjudged (UNKNOWN_LANGUAGE, LANGUAGE_UNAVAILABLE), WorkerLost."""
        language = await self.available(name)
        if not language.compile:
            return Built(language, source)
        key = (tenant, language.name, hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest())
        found = self._cache.get(key)
        if found is not None:
            self._cache.move_to_end(key)
            return found
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._compile(language, source), name="compile")
            task.add_done_callback(lambda done: self._keep(key, done))
        return await asyncio.shield(task)

    async def syntax(self, name: str, source: str) -> str:
        """What is wrong with the program's syntax; empty where nothing is. Raises as :meth:`built`."""
        language = await self.available(name)
        if language.name == "python":
            call = PythonCall(_SYNTAX, source.encode("utf-8", "surrogatepass"))
            outcome = await self._backend.run(Launch(call, language.compile_limits))
        else:
            argv = _filled(language.syntax or language.compile, language, source, language.compile_limits)
            outcome = await self._backend.run(self._compiling(language, source, argv, ()))
        return "" if outcome.ok else _said(outcome)

    async def available(self, name: str) -> Language:
        """The language of this name. Raises Unjudged where it is not known, or cannot be used here."""
        language = language_named(name)
        if language is None:
            known = ", ".join(LANGUAGES)
            raise Unjudged(
                "UNKNOWN_LANGUAGE", f"language: expected one of {known}, got {name[:40]!r}", field="language"
            )
        missing = self._missing.get(language.name)
        if missing is None:
            missing = self._missing[language.name] = await self._lacks(language)
        if missing:
            raise Unjudged("LANGUAGE_UNAVAILABLE", f"{language.name} is not available here: {missing}")
        return language

    async def _lacks(self, language: Language) -> str:
        if language.reserves and not self._backend.probe().memory_enforced:
            return "its runtime reserves more memory than it uses, and this machine cannot bound what is used"
        for argv in language.tools:
            outcome = await self._backend.run(Launch(Exec(argv, language.env), _TOOL_LIMITS))
            if not outcome.ok:
                return f"{' '.join(argv)} does not work ({outcome.reason.value})"
        return ""

    async def _compile(self, language: Language, source: str) -> Built:
        argv = _filled(language.compile, language, source, language.compile_limits)
        wanted = (language.product,) if language.product else ()
        outcome = await self._backend.run(self._compiling(language, source, argv, wanted))
        if not outcome.ok:
            return Built(language, source, error=_said(outcome) or "it does not compile", compile_ms=outcome.wall_ms)
        if not language.product:
            files = {language.file_name(source): source.encode("utf-8", "surrogatepass")}
        elif language.product in outcome.files:
            files = {language.product: outcome.files[language.product]}
        else:
            return Built(language, source, error="the compiler made no program", compile_ms=outcome.wall_ms)
        return Built(language, source, files, compile_ms=outcome.wall_ms)

    def _compiling(self, language: Language, source: str, argv: tuple[str, ...], wanted: tuple[str, ...]) -> Launch:
        files = {language.file_name(source): source.encode("utf-8", "surrogatepass")}
        return Launch(Exec(argv, language.env), language.compile_limits, files=files, collect=wanted)

    def _keep(self, key: tuple[str, str, str], done: asyncio.Task[Built]) -> None:
        del self._under_way[key]
        if done.cancelled() or done.exception() is not None:
            return
        built = replace(done.result(), compile_ms=0.0)
        self._cache[key] = built
        self._bytes += _size(built)
        while self._bytes > _CACHE_BYTES:
            _, oldest = self._cache.popitem(last=False)
            self._bytes -= _size(oldest)


def _size(built: Built) -> int:
    return _OVERHEAD_BYTES + len(built.source) + sum(map(len, built.files.values()))


def _filled(argv: tuple[str, ...], language: Language, source: str, limits: Limits) -> tuple[str, ...]:
    values = {
        "{file}": language.file_name(source),
        "{stem}": language.stem(source),
        "{memory}": str(max(16, limits.memory_bytes // _MIB)),
    }
    filled: list[str] = []
    for part in argv:
        for name, value in values.items():
            part = part.replace(name, value)  # noqa: PLW2901 - one place after the other
        filled.append(part)
    return tuple(filled)


def _said(outcome: Outcome) -> str:
    text = (outcome.stderr + outcome.stdout).decode("utf-8", "replace").strip()[:_LONGEST_OUTPUT]
    if outcome.reason in (Reason.EXITED, Reason.OK):
        return text or f"status {outcome.exit_status}"
    return f"the compiler was ended: {outcome.reason.value}\n{text}".strip()
