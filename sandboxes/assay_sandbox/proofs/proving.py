"""Whether a source proves a statement, by what Lean says.

The source is elaborated after the header; then the theorem of the statement's name must have, printed with everything
explicit, the type that the statement has in a clean environment, and rest on no axioms but Lean's own three.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from assay_sandbox.proofs.repl import PROGRAM, Repl, ReplEnded, Reply
from assay_sandbox.proofs.words import refused_word
from assay_sandbox.protocol import Backend, Reason
from assay_sandbox.suites.verdict import TestOutcome, TestResult, Unjudged, Use, Verdict, bad_suite

AXIOMS = frozenset(("propext", "Classical.choice", "Quot.sound"))
STAGES = ("words", "elaboration", "statement", "axioms")
"""The tests of a proof, in order; those after one that failed are not run."""

_NAMED = re.compile(r"\s*+(?:theorem|lemma)\s++([^\s({\[:\u2983]++)")
_ASSUMED = re.compile(r":=\s*+(?:by\s++)?sorry\s*+\Z")
_AXIOMS = re.compile(r"depends on axioms: \[([^\]]*+)\]")
_GAP = re.compile(r"declaration uses ['`]sorry['`]")
_NO_AXIOMS = "does not depend on any axioms"
_CUT = "\u22ef"
_LONGEST_MESSAGE = 1000
_HEADER_SECONDS = 300.0
_PING_SECONDS = 10.0
_LONGEST_SOURCE = 1 << 20
_MOST_USES = 64


@dataclass(frozen=True, slots=True)
class ProofSuite:
    """A statement to be proved.

    Attributes:
        statement: ``theorem NAME ... : ...``, without a proof.
        header: imports, opens and options before it.
        wall_ms: for the proof; the header has a limit of its own.
    """

    statement: str
    header: str = ""
    wall_ms: int = 300_000
    memory_bytes: int = 10 << 30

    @property
    def name(self) -> str:
        """Of the theorem; empty where the statement has none."""
        found = _NAMED.match(self.statement)
        return "" if found is None else found[1]


class _Fails(Exception):
    """A test of a proof fails."""

    def __init__(self, stage: str, message: str, outcome: TestOutcome = TestOutcome.FAILED) -> None:
        super().__init__(message)
        self.stage = stage
        self.outcome = outcome


@dataclass(slots=True, eq=False)
class _Kept:
    """A REPL after its header, with the types of the statements that were asked for."""

    repl: Repl
    env: int | None
    types: dict[str, str] = field(default_factory=dict[str, str])
    uses: int = 0


class Provers:
    """REPLs that have read their headers, each for one tenant, kept after use."""

    def __init__(self, backend: Backend, keep: int = 4, argv: Sequence[str] = (PROGRAM,)) -> None:
        self._backend = backend
        self._keep = keep
        self._argv = argv
        self._idle: list[tuple[tuple[str, str, int], _Kept]] = []

    @property
    def idle(self) -> int:
        """REPLs that wait for a proof."""
        return len(self._idle)

    async def verdict(self, tenant: str, source: str, suite: ProofSuite) -> Verdict:
        """What Lean says of the source.

        Raises:
            Unjudged: BAD_SUITE, LANGUAGE_UNAVAILABLE, PROVER_FAILED. WorkerLost. SandboxUnavailable.
        """
        if not suite.name:
            raise bad_suite("suite.statement", "expected 'theorem NAME ...' or 'lemma NAME ...'")
        source = without_header(source, suite.header)
        async with self._lent(tenant, suite) as kept:  # without Lean nothing is said, of refused words neither
            refused = refused_word(source) if len(source) <= _LONGEST_SOURCE else f"over {_LONGEST_SOURCE} characters"
            if refused:
                return _failed(_Fails("words", f"refused: {refused[:100]}"), 0.0)
            wanted = await self._wanted(kept, suite)
            began = await kept.repl.cpu_ms()
            try:
                async with asyncio.timeout(suite.wall_ms / 1000):
                    await _proved(kept, source, suite.name, wanted)
            except _Fails as failure:
                return _failed(failure, await kept.repl.cpu_ms() - began)
            except TimeoutError:
                kept.uses = _MOST_USES
                return _failed(_Fails("elaboration", "it took too long", TestOutcome.TIMEOUT), 0.0)
            except ReplEnded as ended:
                kept.uses = _MOST_USES
                return _failed(await _ended(kept.repl, ended), 0.0)
            spent = await kept.repl.cpu_ms() - began
        return Verdict(tuple(TestResult(stage, TestOutcome.PASSED) for stage in STAGES), use=Use(cpu_ms=spent))

    async def close(self) -> None:
        """End all that are kept."""
        while self._idle:
            await self._idle.pop()[1].repl.close()

    @asynccontextmanager
    async def _lent(self, tenant: str, suite: ProofSuite) -> AsyncGenerator[_Kept]:
        key = (tenant, suite.header, suite.memory_bytes)
        at = next((at for at, (held, _) in enumerate(self._idle) if held == key), -1)
        kept = await _alive(self._idle.pop(at)[1]) if at >= 0 else None
        if kept is None:
            kept = await self._opened(suite)
        try:
            yield kept
        except BaseException:
            await kept.repl.close()
            raise
        kept.uses += 1
        if kept.uses >= _MOST_USES:
            await kept.repl.close()
            return
        self._idle.append((key, kept))
        while len(self._idle) > self._keep:
            await self._idle.pop(0)[1].repl.close()

    async def _opened(self, suite: ProofSuite) -> _Kept:
        repl = await Repl.opened(self._backend, suite.memory_bytes, self._argv)
        try:
            async with asyncio.timeout(_HEADER_SECONDS):
                reply = await repl.ask(suite.header or "-- no header")
        except TimeoutError:
            await repl.close()
            raise Unjudged("PROVER_FAILED", f"the header took more than {_HEADER_SECONDS:g} s") from None
        except ReplEnded as error:
            outcome = await repl.ending() if error.gone else None
            await repl.close()
            raise _unavailable(str(error), None if outcome is None else outcome.reason) from error
        except BaseException:
            await repl.close()
            raise
        if reply.error:
            await repl.close()
            raise bad_suite("suite.header", reply.error[:_LONGEST_MESSAGE])
        return _Kept(repl, reply.env)

    async def _wanted(self, kept: _Kept, suite: ProofSuite) -> str:
        """The statement's type in a clean environment."""
        wanted = kept.types.get(suite.statement)
        if wanted is None:
            try:
                async with asyncio.timeout(_HEADER_SECONDS):
                    assumed = await kept.repl.ask(f"{_ASSUMED.sub('', suite.statement).rstrip()} := by sorry", kept.env)
                    if assumed.error:
                        raise bad_suite("suite.statement", assumed.error[:_LONGEST_MESSAGE])
                    wanted = _shown(await kept.repl.ask(_check(suite.name), assumed.env))
            except (ReplEnded, TimeoutError) as error:
                raise Unjudged("PROVER_FAILED", f"on the statement: {error}", retryable=True) from error
            if not wanted or _CUT in wanted:
                raise bad_suite("suite.statement", "its type cannot be printed in full")
            kept.types[suite.statement] = wanted
        return wanted


async def _alive(kept: _Kept) -> _Kept | None:
    """The same, if it still answers: what ends while it waits is no proof's doing."""
    try:
        async with asyncio.timeout(_PING_SECONDS):
            await kept.repl.ask("-- ready", kept.env)
    except (ReplEnded, TimeoutError):
        await kept.repl.close()
        return None
    except BaseException:
        await kept.repl.close()
        raise
    return kept


async def _proved(kept: _Kept, source: str, name: str, wanted: str) -> None:
    """Returns where the source proves what is wanted. Raises _Fails, ReplEnded."""
    reply = await kept.repl.ask(source, kept.env)
    if reply.error:
        raise _Fails("elaboration", reply.error)
    if reply.gaps or any(_GAP.search(one.text) for one in reply.messages):
        raise _Fails("elaboration", "it has a gap (sorry)")
    shown = await kept.repl.ask(_check(name), reply.env)
    if shown.error:
        raise _Fails("statement", f"there is no theorem {name}: {shown.error}")
    if _shown(shown) != wanted:
        raise _Fails("statement", f"{name} says something else than the statement")
    rests_on = await kept.repl.ask(f"#print axioms _root_.{name}", reply.env)
    text = " ".join(" ".join(one.text for one in rests_on.messages).split())
    found = _AXIOMS.search(text)
    if found is None and (_NO_AXIOMS not in text or rests_on.error):
        raise ReplEnded("it does not say on which axioms the theorem rests")
    others = {one.strip() for one in found[1].split(",")} - AXIOMS if found is not None else set[str]()
    if others:
        raise _Fails("axioms", f"it rests on {', '.join(sorted(others))}")


def _check(name: str) -> str:
    return f"set_option pp.all true in\nset_option pp.maxSteps 10000000 in\n#check @_root_.{name}"


def _shown(reply: Reply) -> str:
    return next((" ".join(one.text.split()) for one in reply.messages if one.severity == "info"), "")


def without_header(source: str, header: str) -> str:
    """The source without the header's lines that it starts with."""
    known = {line.strip() for line in header.splitlines()}
    lines = source.splitlines()
    first = next((at for at, line in enumerate(lines) if line.strip() and line.strip() not in known), len(lines))
    return "\n".join(lines[first:])


async def _ended(repl: Repl, ended: ReplEnded) -> _Fails:
    outcome = await repl.ending() if ended.gone else None
    if outcome is not None and outcome.reason is Reason.MEMORY_LIMIT:
        return _Fails("elaboration", "it took too much memory", TestOutcome.MEMORY)
    return _Fails("elaboration", f"Lean was lost over it: {ended}", TestOutcome.ERROR)


def _unavailable(words: str, reason: Reason | None) -> Unjudged:
    if reason in (Reason.NOT_STARTED, Reason.EXITED):
        return Unjudged("LANGUAGE_UNAVAILABLE", f"lean is not available here: {PROGRAM} does not start ({words})")
    return Unjudged("PROVER_FAILED", f"on the header: {words} ({reason.value if reason else 'no outcome'})")


def _failed(failure: _Fails, cpu_ms: float) -> Verdict:
    at = STAGES.index(failure.stage)
    results = [TestResult(stage, TestOutcome.PASSED) for stage in STAGES[:at]]
    results.append(TestResult(failure.stage, failure.outcome, cpu_ms, message=str(failure)[:_LONGEST_MESSAGE]))
    results += [TestResult(stage, TestOutcome.NOT_RUN) for stage in STAGES[at + 1 :]]
    return Verdict(tuple(results), use=Use(cpu_ms=cpu_ms))
