"""What a proof may not say: words that leave a gap, add an axiom, run code, or change what the statement means.

Comments and texts are no words. Linear in the source; nothing is run. What is refused here is refused for safety, and
most of it is found a second time by what Lean says of the theorem's type and axioms.
"""

from __future__ import annotations

import re

_GAPS = "sorry admit stop native_decide axiom opaque constant"
_SYNTAX = (
    "macro macro_rules syntax notation notation3 infix infixl infixr prefix postfix elab elab_rules binder_predicate "
    "declare_syntax_cat unif_hint attribute local_attribute"
)
_CODE = (
    "run_cmd run_elab run_meta run_tac by_elab initialize builtin_initialize simproc dsimproc simproc_decl unsafe "
    "import prelude implemented_by extern csimp init builtin_init delab app_delab app_unexpander builtin_delab "
    "command_elab term_elab include_str"
)
_REFUSED = frozenset(f"{_GAPS} {_SYNTAX} {_CODE}".split())
_PARTS = (
    "sorryAx Lean ofReduceBool ofReduceNat trustCompiler lcProof lcUnreachable unsafeCast unsafeIO unsafeBaseIO "
    "unsafeEIO IO BaseIO EIO"
)
_REFUSED_PARTS = frozenset(_PARTS.split())
_REFUSED_COMMANDS = frozenset(("#eval", "#exit", "#reset"))
_OPTIONS = frozenset(("maxHeartbeats", "maxRecDepth", "synthInstance.maxHeartbeats", "synthInstance.maxSize"))
_QUOTED = r"\u00ab[^\u00ab\u00bb\n]{0,200}+\u00bb"
_WORD = re.compile(rf"(?P<field>\.)?(?P<word>#?(?:[^\W\d][\w'!?]*+|{_QUOTED})(?:\.(?:[\w'!?]++|{_QUOTED}))*)")
_SKIPPED = re.compile(r"--[^\n]*+|/-|\"")
_COMMENT_EDGE = re.compile(r"/-|-/")
_TEXT_END = re.compile(r"(?:[^\"\\]|\\.)*+\"", re.DOTALL)
_QUOTATION = re.compile(r"'\\?\"'")
_RAW = re.compile(r"r#{0,255}\Z")


class _Unreadable(Exception):
    """What is a comment and what is a text cannot be told for sure; the message says why."""


def refused_word(source: str) -> str:
    """The first word of a source that is refused; empty where none is.

    Where comments and texts cannot be told from code for sure the source is refused, too: one that is never closed, raw
    and interpolated texts, a quotation mark as a character.
    """
    try:
        code = code_of(source)
    except _Unreadable as error:
        return str(error)
    before = ""
    for found in _WORD.finditer(code):
        word = found["word"].replace("\u00ab", "").replace("\u00bb", "")
        if before == "set_option" and word not in _OPTIONS:
            return f"set_option {word}"
        if _is_refused(word, of_something=found["field"] is not None):
            return word
        before = word
    return ""


def _is_refused(word: str, *, of_something: bool) -> bool:
    if word.rstrip("!?") in _REFUSED_COMMANDS:
        return True
    if word in _REFUSED and not of_something:
        return True
    return not _REFUSED_PARTS.isdisjoint(word.split("."))


def code_of(source: str) -> str:
    """The source without comments and texts, a space for each."""
    if _QUOTATION.search(source) is not None:
        raise _Unreadable("a quotation mark as a character")
    kept: list[str] = []
    at = 0
    while (found := _SKIPPED.search(source, at)) is not None:
        kept += (source[at : found.start()], " ")
        match found[0]:
            case "/-":
                at = _comment_end(source, found.end())
            case '"':
                at = _text_end(source, found.start())
            case _:
                at = found.end()
    return "".join((*kept, source[at:]))


def _text_end(source: str, start: int) -> int:
    closed = _TEXT_END.match(source, start + 1)
    if closed is None:
        raise _Unreadable("a text that is never closed")
    if _RAW.search(source, max(0, start - 256), start) is not None:
        raise _Unreadable("a raw text")
    if "{" in closed[0]:
        raise _Unreadable("a text that may have code in it")
    return closed.end()


def _comment_end(source: str, at: int) -> int:
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(source, at)
        if edge is None:
            raise _Unreadable("a comment that is never closed")
        depth += 1 if edge[0] == "/-" else -1
        at = edge.end()
    return at
