"""Text to tokens: LaTeX, plain notation and their mixtures, in one pass."""

from __future__ import annotations

import re
from typing import NamedTuple

from assay_server.rewards.latex import ascii_look_alikes
from assay_server.rewards.mathematics.tree import Unreadable

MOST_CHARACTERS = 4000
"""A longer answer is not read as mathematics."""

MOST_TOKENS = 2000


class Token(NamedTuple):
    """One token: ``num``, ``sym``, ``fn``, ``op``, ``begin`` or ``end`` with its text, and whether a blank precedes."""

    kind: str
    text: str
    spaced: bool = False


FUNCTIONS = frozenset(
    (
        *("sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh"),
        *("arccot", "arcsec", "arccsc", "cis", "arrangements"),
        *("ln", "log", "lg", "exp", "sqrt", "cbrt", "abs", "floor", "ceil", "gcd", "lcm", "max", "min", "det"),
        *("frac", "binom", "sum", "prod", "int", "lim", "overline"),
    )
)
_SAME_FUNCTION = {
    "dfrac": "frac",
    "tfrac": "frac",
    "cfrac": "frac",
    "dbinom": "binom",
    "tbinom": "binom",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "acot": "arccot",
    "ceiling": "ceil",
    "bar": "overline",
}
_GREEK = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta", "iota"),
        *("kappa", "lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "phi", "varphi", "chi", "psi", "omega"),
        *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega", "ell", "hbar"),
    )
)
_OPERATORS = {
    **dict.fromkeys(("cdot", "times", "ast"), "*"),
    "div": "/",
    **dict.fromkeys(("pmod", "mod", "bmod"), "mod"),
    **{name: name for name in ("over", "choose", "equiv", "mapsto")},
    **dict.fromkeys(("cr", "newline", "tabularnewline"), "row"),
    "bigcup": "cup",
    "bigcap": "cap",
    "leqq": "<=",
    "geqq": ">=",
    "le": "<=",
    "leq": "<=",
    "leqslant": "<=",
    "ge": ">=",
    "geq": ">=",
    "geqslant": ">=",
    "lt": "<",
    "gt": ">",
    "ne": "!=",
    "neq": "!=",
    "cup": "cup",
    "cap": "cap",
    "setminus": "without",
    "in": "in",
    "pm": "pm",
    "mp": "mp",
    "lvert": "|",
    "rvert": "|",
    "vert": "|",
    "mid": "|",
    "backslash": "without",
    "langle": "langle",
    "rangle": "rangle",
    "lfloor": "lfloor",
    "rfloor": "rfloor",
    "lceil": "lceil",
    "rceil": "rceil",
    "lbrace": "{{",
    "rbrace": "}}",
    "lor": "or",
    "vee": "or",
    "land": "and",
    "wedge": "and",
    "degree": "deg",
    "to": "to",
    "rightarrow": "to",
    "iff": "or",
    "lbrack": "[",
    "rbrack": "]",
    "colon": ":",
}
_SKIPPED = frozenset(
    (
        *("left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr", "middle"),
        *("displaystyle", "textstyle", "quad", "qquad", "limits", "nolimits", "approx", "enspace", "thinspace"),
        *("text", "textbf", "textit", "textrm", "textnormal", "mathrm", "mathbf", "mathit", "mathsf", "mbox"),
        *(
            "operatorname",
            "bm",
            "boldsymbol",
            "mathbb",
            "mathcal",
            "vec",
            "hat",
            "displaylimits",
            "mathop",
            "therefore",
            "mathopen",
            "mathclose",
            "tilde",
            "overrightarrow",
        ),
    )
)
_UNSUPPORTED = frozenset(
    (
        *("oint", "iint", "iiint", "nabla", "partial", "otimes", "oplus", "forall", "exists", "cong"),
        *("ldots", "dots", "cdots", "sim", "perp", "parallel", "subset", "subseteq", "prec"),
    )
)
_CHARACTERS = {
    "√": ("fn", "sqrt"),
    "∛": ("fn", "cbrt"),
    "π": ("sym", "pi"),
    "∞": ("sym", "infty"),
    "∅": ("sym", "emptyset"),
    "ℝ": ("sym", "Reals"),
    "ℤ": ("sym", "Integers"),
    "ℚ": ("sym", "Rationals"),
    "ℕ": ("sym", "Naturals"),
    "≤": ("op", "<="),
    "⩽": ("op", "<="),
    "≥": ("op", ">="),
    "⩾": ("op", ">="),
    "≠": ("op", "!="),
    "∪": ("op", "cup"),
    "∩": ("op", "cap"),
    "∖": ("op", "without"),
    "∈": ("op", "in"),
    "±": ("op", "pm"),
    "×": ("op", "*"),
    "·": ("op", "*"),
    "⋅": ("op", "*"),
    "∙": ("op", "*"),
    "∗": ("op", "*"),
    "°": ("op", "deg"),
    "∨": ("op", "or"),
    "∧": ("op", "and"),
    "⟨": ("op", "langle"),
    "⟩": ("op", "rangle"),
    "∓": ("op", "mp"),
    "⌊": ("op", "lfloor"),
    "⌋": ("op", "rfloor"),
    "⌈": ("op", "lceil"),
    "⌉": ("op", "rceil"),
    "∣": ("op", "|"),
    "θ": ("sym", "theta"),
    "α": ("sym", "alpha"),
    "β": ("sym", "beta"),
    "γ": ("sym", "gamma"),
    "λ": ("sym", "lambda"),
    "φ": ("sym", "phi"),
    "ω": ("sym", "omega"),
    "μ": ("sym", "mu"),
    "σ": ("sym", "sigma"),
    "δ": ("sym", "delta"),
    "ϕ": ("sym", "phi"),
    "ρ": ("sym", "rho"),
    "τ": ("sym", "tau"),
    "ε": ("sym", "epsilon"),
    "ψ": ("sym", "psi"),
}
_WORDS = {
    "or": ("op", "or"),
    "and": ("op", "and"),
    "in": ("op", "in"),
    "pi": ("sym", "pi"),
    "inf": ("sym", "infty"),
    "infinity": ("sym", "infty"),
    "oo": ("sym", "infty"),
    "U": ("op", "cup"),
    "union": ("op", "cup"),
    "degrees": ("op", "deg"),
    "degree": ("op", "deg"),
    "theta": ("sym", "theta"),
    "alpha": ("sym", "alpha"),
    "beta": ("sym", "beta"),
    "sqrt": ("fn", "sqrt"),
    "emptyset": ("sym", "emptyset"),
    "lambda": ("sym", "lambda"),
    "gamma": ("sym", "gamma"),
    "phi": ("sym", "phi"),
    "plus": ("op", "+"),
    "mod": ("op", "mod"),
    "modulo": ("op", "mod"),
    "to": ("op", "ratio"),
    **dict.fromkeys(("if", "for", "when"), ("op", "if")),
    **dict.fromkeys(("otherwise", "else"), ("op", "otherwise")),
}
_NUMBER_SETS = {"R": "Reals", "Z": "Integers", "Q": "Rationals", "N": "Naturals", "C": "Complexes"}
_ENVIRONMENTS = frozenset(
    (
        *("matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array", "vmatrix"),
        *("cases", "aligned", "align", "gathered", "split"),
    )
)
_SAME_ENVIRONMENT = {"dcases": "cases", "rcases": "cases"}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
_LONGEST_PRODUCT = 3

_SEPARATOR = r"(?:\{,\}|\\,|,?\s?\\!|\\\ |\\;|~|,\s?\\!)"
_TOKEN = re.compile(
    rf"""
    (?P<blank>(?:\s|\\[,;:!\ >]|~|\$|\\\$|\\\(|\\\)|\\\[|\\\](?!\w))+)
  | (?P<repeating>[0-9]*\.[0-9]*(?:\\dot\s?(?:\{{[0-9]\}}|[0-9])[0-9]*\\dot\s?(?:\{{[0-9]\}}|[0-9])
      |\\(?:overline|bar|dot)\s?(?:\{{\s?[0-9]+\s?\}}|[0-9])|\([0-9]+\)|(?:[0-9]\u0305)+)
      |[0-9]*\.[0-9]{{2,40}}\s?(?:\.\.\.|…|\\[lc]?dots(?![a-z])))
  | (?P<combination>(?<![A-Za-z0-9)\]}}])(?:\{{\}})?[_^]\s?\{{?\s?(?P<of>[0-9]{{1,4}}|n)\s?\}}?\s?(?P<what>[CP])
      _\s?\{{?\s?(?P<taken>[0-9]{{1,4}}|[kr])\s?\}}?)
  | (?P<number>(?:[0-9]{{1,3}}(?:{_SEPARATOR}[0-9]{{3}})+(?![0-9])|[0-9]{{1,3}}(?:,[0-9]{{3}})+(?![0-9])|[0-9]+)
      (?:\.[0-9]*)?(?:(?<!frac[0-9])[eE][+-]?[0-9]+(?![0-9]))?|\.[0-9]+)
  | (?P<degree>\^\s*(?:\{{\s*\\circ\s*\}}|\\circ(?![a-zA-Z])))
  | (?P<environment>\\(?:begin|end)\s?\{{(?P<environment_name>[a-zA-Z]+)\*?\}}
      (?:(?<=array\}})\{{[lcr|\s]*\}})?)
  | \\(?:mathbb|mathbf|Bbb)\s?\{{?\s?(?P<blackboard>[RZQNC])(?![a-zA-Z])\s?\}}?(?P<positive>\^\s?\{{?\s?\+\s?\}}?)?
  | \\(?:mathbf|vec|hat|boldsymbol|bm|overrightarrow)\s?\{{?\s?\\?(?:mathbf\s?\{{)?
      (?P<unit_vector>[ijk])(?:math)?(?![a-zA-Z])\s?\}}{{0,2}}
  | \\(?:text(?:bf|it|rm|normal)?|mathrm|operatorname\*?|mbox)\s?\{{\s?(?P<wrapped>[A-Za-z]+)[\s,]*\}}
  | \\(?P<command>[a-zA-Z]+)
  | (?P<row>\\\\(?:\s?\[\s?-?[0-9.]{{1,5}}\s?(?:pt|ex|em|mm|cm)\s?\])?)
  | (?P<brace>\\[{{}}])
  | \\(?P<escaped>[%&|_\#])
  | (?P<letters>[A-Za-z]+)
  | (?P<superscript>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ]+)
  | (?P<operator><=|>=|!=|==|\*\*|->|[-+*/^_=<>!|%(){{}}\[\],;:&'])
  | (?P<character>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_LETTERS = re.compile(
    r"arcsin|arccos|arctan|arccot|arcsec|arccsc|asin|acos|atan|sinh|cosh|tanh|sqrt|cbrt|sin|cos|tan|cot|sec|csc|ln|log|lg|exp|pi|abs|floor"
    r"|ceil|gcd|lcm|max|min|cis|[A-Za-z]"
)


_PLAIN_COMMA = re.compile(r"[0-9]+,[0-9,.eE+-]*")
_GROUPS = {"positive": "blackboard", "taken": "combination", "what": "combination", "of": "combination"}
"""The outer group where an inner one was closed last."""


def scan(text: str, *, commas_group: bool = True) -> list[Token]:
    """The tokens of ``text``.

    Args:
        text: an answer.
        commas_group: read ``1,000`` outside brackets as a thousand rather than as two items.

    Raises:
        Unreadable: a word, a character or a command that is no mathematics, or too much text.
    """
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"longer than {MOST_CHARACTERS} characters")
    tokens: list[Token] = []
    spaced = False
    depth = 0
    position = 0
    length = len(text) if text.isascii() else len(text := ascii_look_alikes(text))
    while position < length:
        match = _TOKEN.match(text, position)
        assert match is not None
        position = match.end()
        group = _GROUPS.get(match.lastgroup or "", match.lastgroup or "")
        if group == "blank":
            spaced = True
            continue
        if group == "number" and (depth or not commas_group) and _PLAIN_COMMA.fullmatch(match[0]):
            first = match[0].partition(",")[0]
            position = match.start() + len(first)
            tokens.append(Token("num", first, spaced))
            spaced = False
            continue
        before = len(tokens)
        _emit(match, group, tokens, spaced)
        if len(tokens) > before:
            spaced = False
            depth += {"(": 1, "[": 1, "{{": 1, ")": -1, "]": -1, "}}": -1}.get(tokens[-1].text, 0)
        if len(tokens) > MOST_TOKENS:
            raise Unreadable(f"more than {MOST_TOKENS} tokens")
    return tokens


def _emit(match: re.Match[str], group: str, tokens: list[Token], spaced: bool) -> None:
    text = match[0]
    if group == "number":
        tokens.append(Token("num", re.sub(r"[^0-9.eE+-]", "", text), spaced))
    elif group == "operator":
        tokens.append(Token("op", {"**": "^", "==": "=", "->": "to"}.get(text, text), spaced))
    elif group == "letters":
        _emit_letters(text, tokens, spaced)
    elif group == "command":
        _emit_command(match["command"], tokens, spaced)
    elif group == "wrapped":
        word = match["wrapped"]
        _emit_letters(word, tokens, spaced)
    elif group == "combination":
        _emit_combination(match, tokens)
    elif group == "superscript":
        _emit_superscript(text.translate(_SUPERSCRIPTS), tokens)
    elif group == "character":
        if text not in _CHARACTERS:
            raise Unreadable(f"{text!r} is no mathematics")
        tokens.append(Token(*_CHARACTERS[text], spaced))
    else:
        tokens.append(_special(match, group, spaced))


def _special(match: re.Match[str], group: str, spaced: bool) -> Token:
    if group == "environment_name" or group == "environment":
        name = _SAME_ENVIRONMENT.get(match["environment_name"], match["environment_name"])
        if name not in _ENVIRONMENTS:
            raise Unreadable(f"the environment {name} is not read", unsupported=True)
        return Token("begin" if match[0].startswith("\\begin") else "end", name, spaced)
    if group == "repeating":
        return Token("repeating", match[0], spaced)
    if group == "blackboard":
        return Token("sym", _NUMBER_SETS[match["blackboard"]] + ("+" if match["positive"] else ""), spaced)
    if group == "unit_vector":
        return Token("sym", f"unit_{match['unit_vector']}", spaced)
    texts = {"degree": "deg", "row": "row", "brace": "{{" if match[0] == "\\{" else "}}", "escaped": match[0][1:]}
    return Token("op", texts[group], spaced)


def _emit_command(name: str, tokens: list[Token], spaced: bool) -> None:
    name = _SAME_FUNCTION.get(name, name)
    if name in _SKIPPED:
        return
    if name in FUNCTIONS:
        tokens.append(Token("fn", name, spaced))
    elif name in _OPERATORS:
        tokens.append(Token("op", _OPERATORS[name], spaced))
    elif name in ("pi", "infty") or name in _GREEK:
        tokens.append(Token("sym", name, spaced))
    elif name in ("emptyset", "varnothing"):
        tokens.append(Token("sym", "emptyset", spaced))
    else:
        raise Unreadable(f"the command \\{name} is not read", unsupported=name in _UNSUPPORTED)


def _emit_letters(run: str, tokens: list[Token], spaced: bool) -> None:
    word = _WORDS.get(run) or (_WORDS.get(run.lower()) if len(run) > 2 else None)
    if word is not None and not (run == "U" and not spaced):
        tokens.append(Token(*word, spaced))
        return
    pieces = _LETTERS.findall(run)
    if sum(len(piece) == 1 for piece in pieces) > _LONGEST_PRODUCT:
        raise Unreadable(f"{run!r} is a word")
    for piece in pieces:
        name = str(_SAME_FUNCTION.get(piece, piece))
        kind = "fn" if name in FUNCTIONS else "sym"
        tokens.append(Token(kind, name, spaced))
        spaced = False


def _emit_superscript(text: str, tokens: list[Token]) -> None:
    digits = text.lstrip("+-")
    if not digits or not (digits.isdigit() or digits == "n"):
        raise Unreadable("a superscript that is no exponent")
    tokens += [Token("op", "^"), Token("op", "{")]
    if text[0] == "-":
        tokens.append(Token("op", "-"))
    tokens += [Token("sym" if digits == "n" else "num", digits), Token("op", "}")]


def _emit_combination(match: re.Match[str], tokens: list[Token]) -> None:
    """``{}_{10}C_3`` as a binomial."""
    tokens.append(Token("fn", "binom" if match["what"] == "C" else "arrangements"))
    for part in (match["of"], match["taken"]):
        tokens += [Token("op", "{"), Token("num" if part.isdigit() else "sym", part), Token("op", "}")]
