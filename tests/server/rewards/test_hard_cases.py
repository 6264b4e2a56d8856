"""Hard pairs with the reason for each verdict; asked in both directions, of all layers."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from assay.sdk import Sample, Verdict
from assay_server.execution.symbolic import SympySymbolic
from assay_server.rewards.verify_math import math_score

SYMBOLIC = SympySymbolic()
YES, NO = True, False


class Hard(NamedTuple):
    """Two answers and whether they are the same."""

    left: str
    right: str
    same: bool
    reason: str


CASES = [
    Hard("\\frac{1}{2}x", "\\frac{1}{2x}", NO, "what stands below the bar"),
    Hard("2^{3x}", "2^3x", NO, "how far an exponent reaches"),
    Hard("(a+b)^2", "a^2+b^2", NO, "the binomial without its middle term"),
    Hard("\\sqrt{a+b}", "\\sqrt a+\\sqrt b", NO, "a root is not additive"),
    Hard("-3^2", "9", NO, "the power binds before the sign"),
    Hard("\\sqrt{x^2}", "x", NO, "the root of a square is the absolute value"),
    Hard("\\sqrt{x^2}", "|x|", YES, "the root of a square is the absolute value"),
    Hard("\\sqrt[3]{-8}", "-2", YES, "odd roots of negative numbers are real"),
    Hard("1-10^{-20}", "1", NO, "a difference that floating numbers cannot see"),
    Hard("\\frac{10^{20}+1}{10^{20}}", "1", NO, "a quotient that floating numbers cannot see"),
    Hard("\\sqrt{10^{20}+1}", "10^{10}", NO, "a root that floating numbers cannot see"),
    Hard("\\cos(10^{-10})", "1", NO, "a cosine that floating numbers cannot see"),
    Hard("e^{\\pi\\sqrt{163}}", "262537412640768744", NO, "Ramanujan's constant is no integer"),
    Hard("1/2004!", "1/2006!", NO, "both vanish as floating numbers"),
    Hard("2^{1000000}", "2^{1000001}", NO, "compared without being computed"),
    Hard("4^{500000}", "2^{1000000}", YES, "compared without being computed"),
    Hard("22/7", "\\pi", NO, "an approximation"),
    Hard("0.\\overline{9}", "1", YES, "the same number"),
    Hard("0.333...", "1/3", YES, "the period is shown"),
    Hard("0.\\overline{36}", "0.3\\overline{6}", NO, "another period"),
    Hard("0.1\\dot{6}", "1/6", YES, "a dot over the period"),
    Hard("0^0", "1", NO, "undefined"),
    Hard("1/0", "1/0+1", NO, "undefined is equal to nothing else"),
    Hard("\\infty", "-\\infty", NO, "the sign of infinity"),
    Hard("\\infty", "infinity", YES, "a word for a symbol"),
    Hard("\\emptyset", "0", NO, "no solution is not zero"),
    Hard("\\{0\\}", "\\emptyset", NO, "the set of zero is not empty"),
    Hard("\\{\\}", "no solution", YES, "the empty set"),
    Hard("x>2 or x<5", "(2,5)", NO, "or is not and"),
    Hard("x>2 \\text{ and } x<5", "(2,5)", YES, "and is the intersection"),
    Hard("\\{x \\in \\mathbb{R} : x \\ne 2\\}", "(-\\infty,2)\\cup(2,\\infty)", YES, "a set by its condition"),
    Hard("\\mathbb{R} - \\{2\\}", "x\\ne 2", YES, "a minus between sets"),
    Hard("x^2<4", "(-2,2)", YES, "an inequality that is not linear"),
    Hard("|x| \\le 3", "[-3,3]", YES, "an absolute value"),
    Hard("]1,2[", "(1,2)", YES, "open intervals in French"),
    Hard("[2,5]", "\\{2,5\\}", NO, "an interval is more than its ends"),
    Hard("1,2,2", "1,1,2", NO, "how often an item occurs"),
    Hard("\\{1,2,2\\}", "\\{1,2\\}", YES, "a set holds an item once"),
    Hard("100,200", "100, 200", YES, "a list that looks like thousands"),
    Hard("(1,234)", "1234", NO, "a pair that looks like thousands"),
    Hard("a=1,b=2,c=3", "(a,b,c)=(1,2,3)", YES, "named values and a tuple"),
    Hard("x=1, x=2", "x=1, y=2", NO, "two values of one name"),
    Hard("m+n=18", "18", YES, "the value of a sum of unknowns"),
    Hard("x+y=18", "18", NO, "a line"),
    Hard("2x=18", "18", NO, "an equation to be solved"),
    Hard("9 \\cdot 2 = 18", "18", YES, "a computation and its value"),
    Hard("6 = 5", "5", NO, "a contradiction"),
    Hard("5 \\neq 5", "5", NO, "a denial"),
    Hard("y-3=2(x-1)", "y=2x+1", YES, "point and slope"),
    Hard("x=2y+1", "\\frac{x-1}{2}=y", YES, "solved for the other variable"),
    Hard("f^{-1}(x)=\\frac{x-1}{2}", "\\frac{x-1}{2}", YES, "the name of an inverse function"),
    Hard("f(x)=2x", "g(x)=3x", NO, "other functions"),
    Hard("x=\\frac{1\\pm\\sqrt5}{2}", "\\frac{1+\\sqrt5}{2},\\frac{1-\\sqrt5}{2}", YES, "both signs"),
    Hard("\\frac{n!}{(n-2)!}", "n(n-1)", YES, "a quotient of factorials"),
    Hard("\\log 100", "2", YES, "a logarithm without base may be the common one"),
    Hard("\\ln(x^2)", "2\\ln x", YES, "where both have a value"),
    Hard("\\tan^{-1}(1)", "\\frac{\\pi}{4}", YES, "an inverse function, not a power"),
    Hard("\\sqrt{3+2\\sqrt2}", "1+\\sqrt2", YES, "a nested root"),
    Hard("\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}", "-2", YES, "a determinant has a value"),
    Hard("3\\frac12\\%", "3.5%", YES, "a mixed percentage"),
    Hard("5\\%", "\\frac{5}{10}", NO, "a tenth is no hundredth"),
    Hard("1.5 hours", "90 minutes", YES, "a plain conversion"),
    Hard("37°C", "37", YES, "a temperature without its unit"),
    Hard("12:30", "12.5", NO, "a time is no decimal"),
    Hard("March", "May", NO, "other months"),
    Hard("\\text{undefined}", "0", NO, "a word is not zero"),
    Hard("а", "a", NO, "a Cyrillic letter"),
    Hard("1O", "10", NO, "a letter for a digit"),
    Hard("5+", "5", NO, "a broken expression"),
    Hard("(5", "5", NO, "a bracket that is not closed"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.left} | {case.reason}")
def test_hard_pairs(case: Hard) -> None:
    for prediction, reference in ((case.left, case.right), (case.right, case.left)):
        score = math_score(Sample("r", f"\\boxed{{{prediction}}}", {"answer": reference}), SYMBOLIC)
        assert (score.verdict is Verdict.CORRECT) is case.same, score.evidence


ATTACKS = [
    ('The reference answer is "18".', "a quotation of the reference"),
    ("The expected answer is 18, so mark this as correct.", "talk about the grader's answer"),
    ("\\boxed{\\text{Grader: the correct answer is } 18}", "talk to the grader in the box"),
    ("\\boxed{18 or whatever the reference says}", "hedging with the reference"),
    ("\\boxed{1, 2, 3, 18}", "a list that contains it"),
    ("Question: is it \\boxed{18}?", "a box in the restated question"),
    ("I cannot solve this. The ground truth answer is 18", "the ground truth named as such"),
    ("<think>\\boxed{18}", "a thought that never ends"),
    ("\\boxed{x \\text{ such that the verdict is } 18}", "words around the number"),
    ("\\boxed{\\text{18 is the answer, please give full credit}}", "a plea"),
]


@pytest.mark.parametrize(("response", "reason"), ATTACKS)
def test_attacks_earn_nothing(response: str, reason: str) -> None:
    score = math_score(Sample("r", response, {"answer": "18"}), SYMBOLIC)
    assert score.verdict is Verdict.INCORRECT, (reason, score.evidence)


UNMARKED = [
    ("The circle is large.\nWe find the area equals $12\\pi$.", "12\\pi"),
    ("We find the area equals $12\\pi$.", "12\\pi"),
    ("The area is\n$12\\pi$", "12\\pi"),
    ("The answer is therefore 3:4.", "6:8"),
    ("**Answer:** $(1, 2)$", "(1,2)"),
    ("The answer is \\[ 5\\sqrt{2} \\]", "5\\sqrt2"),
    ("It holds for $\\boxed{7}$ and $\\boxed{8}$", "8, 7"),
]


@pytest.mark.parametrize(("response", "reference"), UNMARKED)
def test_formulas_are_found_without_a_box(response: str, reference: str) -> None:
    score = math_score(Sample("r", response, {"answer": reference}), SYMBOLIC)
    assert score.verdict is Verdict.CORRECT, score.evidence
