"""The ``python`` tool as the episode sees it: which code was run, where the interpreter stands, what it answered."""

from __future__ import annotations

from assay_server.environments.tools.outside import FIRST, PythonAnswer, PythonRequest, Ran, chained
from assay_server.environments.tools.workshop import Outcome, failed

LONGEST_CODE = 20_000
MOST_PIECES = 200
MOST_CHARACTERS = 400_000
"""Of all pieces that an interpreter is told."""

NOBODY = PythonAnswer(unavailable="this process runs no programs")
_FORGOTTEN = (
    "nothing was run: the interpreter was lost, and what was run before does not give the same again; "
    "its names are gone"
)
_NOT_REACHED = "not run: the interpreter was lost in an earlier call"
_LONGEST_SHOWN = 4000


class PythonCalls:
    """What an interpreter was told. It runs elsewhere: here is what it was told and what it said."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._chain = FIRST

    @property
    def chain(self) -> str:
        """Where the interpreter stands."""
        return self._chain

    def refusal(self, codes: list[str], code: str) -> str:
        """Why a piece cannot be told after ``codes``; empty where it can."""
        pieces = [*self._pieces, *codes]
        if len(code) > LONGEST_CODE:
            return f"code may have {LONGEST_CODE} characters"
        if len(pieces) >= MOST_PIECES or sum(map(len, pieces)) + len(code) > MOST_CHARACTERS:
            return f"an episode may run {MOST_PIECES} pieces of code with {MOST_CHARACTERS} characters"
        return ""

    def request(self, codes: list[str]) -> str:
        """What is to be asked so that these pieces are run."""
        return PythonRequest(tuple(codes), tuple(self._pieces), self._chain).encode()

    def outcomes(self, codes: list[str], answer: PythonAnswer) -> list[Outcome]:
        """What each piece came to; the interpreter stands there from now on."""
        if answer.unavailable:
            return [failed(f"python is not available here: {answer.unavailable}")] * len(codes)
        if answer.forgotten:
            self._lose()
            return [Outcome(f"Error: {_FORGOTTEN}") for _ in codes]
        found = [self._outcome(code, ran) for code, ran in zip(codes, answer.ran, strict=False)]
        return found + [failed(_NOT_REACHED)] * (len(codes) - len(found))

    def _outcome(self, code: str, ran: Ran) -> Outcome:
        if ran.lost:
            self._lose()
            return Outcome(f"Error: {ran.lost}; the interpreter's names are gone")
        self._pieces.append(code)
        self._chain = chained(self._chain, code, ran)
        said = "\n".join(part.rstrip("\n") for part in (ran.output, ran.error) if part)
        if len(said) > _LONGEST_SHOWN:  # an exception's last lines say most
            said = f"{said[: _LONGEST_SHOWN // 2]}\n... cut ...\n{said[-_LONGEST_SHOWN // 2 :]}"
        return Outcome(said or "(no output)")

    def _lose(self) -> None:
        self._pieces.clear()
        self._chain = FIRST
