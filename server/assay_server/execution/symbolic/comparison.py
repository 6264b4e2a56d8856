"""The symbolic and the numeric layer behind the rewards' port."""

# mpmath and SymPy carry no complete types.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import sympy

from assay.sdk import Strictness, SymbolicVerdict
from assay_server.execution.symbolic import numeric
from assay_server.execution.symbolic.guard import Refused, check
from assay_server.execution.symbolic.translation import to_sympy
from assay_server.rewards.answers import decide, read_answer
from assay_server.rewards.mathematics.structures import Structures, equal_exactly
from assay_server.rewards.mathematics.tree import Node, variables

LONGEST = 4000
"""Characters of an answer; longer ones are not compared."""

_MOST_OPERATIONS = 60
_WHOLE_POINTS = (3, 5, 8)
_NOT_ZERO = sympy.Float("1e-15")
_BOUND = frozenset(("sum", "prod", "int", "lim"))
Layer = Literal["symbolic", "numeric"]


@dataclass(slots=True)
class _Scalars:
    """Scalar equality that remembers which stage decided."""

    layer: Layer = "symbolic"
    reasons: list[str] = field(default_factory=list[str])

    def __call__(self, a: Node, b: Node) -> bool | None:
        exact = equal_exactly(a, b)
        if exact is not None:
            return exact
        try:
            check(a)
            check(b)
            return self.computed(a, b)
        except Refused as refusal:
            self.reasons.append(f"refused: {refusal}")
            return None

    def computed(self, a: Node, b: Node) -> bool | None:
        """Numbers first where they can refute; then algebra; then many digits."""
        names = variables(a) | variables(b)
        agreed = None if _has_bound(a) or _has_bound(b) else numeric.agree(a, b, names)
        if agreed is False:
            self.layer = "numeric"
            return False
        if _is_zero(a, b):
            self.layer = "symbolic"
            return True
        self.layer = "numeric"
        return agreed if agreed is not None else self.evaluated(a, b)

    def evaluated(self, a: Node, b: Node) -> bool | None:
        """Sums, products, integrals and limits: the closed forms' values to many digits."""
        self.layer = "symbolic"
        gap = to_sympy(a) - to_sympy(b)
        if gap.has(sympy.Sum, sympy.Integral, sympy.Limit, sympy.Product):
            return None
        if gap.free_symbols:
            values = [abs(sympy.N(gap.subs(dict.fromkeys(gap.free_symbols, whole)), 30)) for whole in _WHOLE_POINTS]
            return False if any(value.is_number and value > _NOT_ZERO for value in values) else None
        size = abs(sympy.N(gap, numeric.DIGITS))
        if not size.is_number or not size.is_finite:
            return None
        return bool(size < sympy.Float(10) ** -40)


def _has_bound(node: Node) -> bool:
    return (node.op == "call" and node.name in _BOUND) or any(_has_bound(argument) for argument in node.args)


def _is_zero(a: Node, b: Node) -> bool:
    """Whether algebra shows that the difference vanishes; a large difference is not even tried."""
    gap = to_sympy(a) - to_sympy(b)
    if gap == 0:
        return True
    if sympy.count_ops(gap) > _MOST_OPERATIONS:
        return False
    return sympy.expand(gap) == 0 or sympy.simplify(gap) == 0


class SympySymbolic:
    """:class:`assay.sdk.Symbolic` by SymPy and mpmath.

    May take long and much memory: run it where it can be killed.
    """

    def compare(self, prediction: str, reference: str, strictness: Strictness = "default") -> SymbolicVerdict:
        """Whether both texts are the same answer; undecided where a guard refuses or nothing tells."""
        if max(len(prediction), len(reference)) > LONGEST:
            return SymbolicVerdict(None, "symbolic", f"longer than {LONGEST} characters")
        scalars = _Scalars()
        structures = Structures(strictness, scalars, numeric.ratio_is_constant)
        try:
            decision = decide(read_answer(prediction), read_answer(reference), structures)
        except (ArithmeticError, ValueError, TypeError, NotImplementedError, AttributeError, RecursionError) as error:
            return SymbolicVerdict(None, "symbolic", f"{type(error).__name__} while computing")
        if decision.equal is None:
            reason = "; ".join(dict.fromkeys(scalars.reasons)) or "neither algebra nor numbers decide"
            return SymbolicVerdict(None, scalars.layer, reason)
        reason = "the difference vanishes" if decision.equal else "the values differ"
        return SymbolicVerdict(decision.equal, scalars.layer, reason)
