"""Symbolic and high-precision comparison of answers, over the trees that the rewards read: no text reaches SymPy."""

from assay_server.execution.symbolic.comparison import SympySymbolic

__all__ = ["SympySymbolic", "warm_up"]

_PAIRS = (
    (r"\sin 2x", r"2 \sin x \cos x"),
    (r"\ln x^2", r"2 \ln x"),
    (r"\sqrt{8}", r"2 \sqrt{2}"),
    (r"\int_0^1 x dx", r"\frac{1}{2}"),
    (r"\sum_{i=1}^{n} i", r"\frac{n(n+1)}{2}"),
    (r"\cosh x", r"\frac{e^x + e^{-x}}{2}"),
)


def warm_up() -> None:
    """Compare a few answers: SymPy imports and remembers much at first use, ten times what a comparison takes later.

    For a process that others are forked from; takes about 0.3 s.
    """
    symbolic = SympySymbolic()
    for prediction, reference in _PAIRS:
        symbolic.compare(prediction, reference)
