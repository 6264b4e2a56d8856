"""Expressions: roots, powers, functions, constants, polynomials, equations.

Different by construction: every edit changes a value, a sign, a bracket, an order or a name that matters.
"""

# ruff: noqa: E501 - a case a line reads best

from __future__ import annotations

import math
import random
from fractions import Fraction

from .cases import Case, form, frac, nonzero, proper, squarefree


@form("root")
def root(rng: random.Random) -> Case:
    k, s = rng.randint(2, 12), squarefree(rng)
    equal = [
        f"\\sqrt{{{k * k * s}}}",
        f"\\sqrt{{{s}}}\\cdot {k}",
        f"{k}*sqrt({s})",
        f"{k}√{s}",
        f"{k} \\cdot {s}^{{1/2}}",
        f"\\frac{{{k * s}}}{{\\sqrt{{{s}}}}}",
        f"sqrt({k * k * s})",
        f"{k}\\sqrt {{{s}}}",
        f"\\sqrt[4]{{{k**4 * s * s}}}",
    ]
    value = k * math.sqrt(s)
    return Case(
        f"{k}\\sqrt{{{s}}}",
        equal,
        [
            f"{k}\\sqrt{{{s + 1}}}",
            f"{k + 1}\\sqrt{{{s}}}",
            f"-{k}\\sqrt{{{s}}}",
            f"{k}\\sqrt[3]{{{s}}}",
            f"{value:.3f}",
            str(k * s),
            f"\\sqrt{{{k * s}}}",
            f"\\sqrt{{{k * k * s + 1}}}",
        ],
    )


@form("surd")
def surd(rng: random.Random) -> Case:
    a, b, s, d = nonzero(rng), nonzero(rng, 9), squarefree(rng), rng.randint(2, 9)
    sign = "+" if b > 0 else "-"
    base = f"\\frac{{{a}{sign}{abs(b)}\\sqrt{{{s}}}}}{{{d}}}"
    first, second = Fraction(a, d), Fraction(b, d)
    equal = [
        f"({a}{sign}{abs(b)}*sqrt({s}))/{d}",
        f"{frac(first)}{sign}{frac(abs(second))}\\sqrt{{{s}}}",
        f"\\dfrac{{{b}\\sqrt{{{s}}}+{a}}}{{{d}}}",
        f"\\frac{{{2 * a}{sign}{2 * abs(b)}\\sqrt{{{s}}}}}{{{2 * d}}}",
        f"\\frac{{{a * a - b * b * s}}}{{{d}({a}{'-' if b > 0 else '+'}{abs(b)}\\sqrt{{{s}}})}}",
    ]
    opposite = "-" if b > 0 else "+"
    return Case(
        base,
        equal,
        [
            f"\\frac{{{a}{opposite}{abs(b)}\\sqrt{{{s}}}}}{{{d}}}",
            f"\\frac{{{a + 1}{sign}{abs(b)}\\sqrt{{{s}}}}}{{{d}}}",
            f"\\frac{{{a}{sign}{abs(b)}\\sqrt{{{s + 1}}}}}{{{d}}}",
            f"\\frac{{{a}{sign}{abs(b)}\\sqrt{{{s}}}}}{{{d + 1}}}",
            f"{a}{sign}\\frac{{{abs(b)}\\sqrt{{{s}}}}}{{{d}}}",
        ],
    )


@form("power")
def power(rng: random.Random) -> Case:
    b, e = rng.choice([2, 3, 5, 6, 7, 10]), rng.randint(2, 9)
    equal = [
        str(b**e),
        f"{b}^{e}",
        f"{b}**{e}",
        f"{b}^{{{e - 1}}}\\cdot {b}",
        f"{b * b}^{{{e}/2}}",
        f"\\left({b}\\right)^{{{e}}}",
        f"\\frac{{1}}{{{b}^{{-{e}}}}}",
    ]
    return Case(
        f"{b}^{{{e}}}",
        equal,
        [
            f"{b}^{{{e + 1}}}",
            f"{b + 1}^{{{e}}}",
            f"{b}^{{-{e}}}",
            f"{b * e}" if b * e != b**e else f"{b * e + 1}",
            str(b**e + 1),
            f"-{b}^{{{e}}}",
            f"{b}_{{{e}}}",
        ],
    )


@form("logarithm")
def logarithm(rng: random.Random) -> Case:
    p, q = rng.sample([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31], 2)
    k = rng.randint(2, 5)
    equal = [
        f"\\ln {p} + \\ln {q}",
        f"\\ln({p * q})",
        f"\\log_{{e}} {p * q}",
        f"\\frac{{\\log_{{10}} {p * q}}}{{\\log_{{10}} e}}",
        f"\\frac{{1}}{{{k}}}\\ln {(p * q) ** k}",
        f"ln({p * q})",
        f"\\ln {p * q * k} - \\ln {k}",
    ]
    return Case(
        f"\\ln {p * q}",
        equal,
        [
            f"\\ln {p} \\cdot \\ln {q}",
            f"\\ln {p * q + 1}",
            f"-\\ln {p * q}",
            f"\\log_2 {p * q}",
            f"\\ln({p}+{q})" if p + q != p * q else "\\ln 7000",
            f"{math.log(p * q):.4f}",
            f"{k}\\ln {p * q}",
            f"\\log_{{10}} {p * q}",
        ],
    )


@form("trigonometry")
def trigonometry(rng: random.Random) -> Case:
    n, k = rng.choice(["x", "t", "\\theta", "\\alpha"]), rng.randint(1, 300)
    base, equal, different = rng.choice([
        (f"\\sin^2 {n}", [f"1-\\cos^2 {n}", f"\\frac{{1-\\cos(2{n})}}{{2}}", f"(\\sin {n})^2", f"\\sin({n})^2"], [f"\\cos^2 {n}", f"\\sin {n}", f"\\sin({n}^2)", f"1+\\cos^2 {n}"]),
        (f"{k}\\sin 2{n}", [f"{2 * k}\\sin {n}\\cos {n}", f"{k}\\sin(2{n})", f"{2 * k}\\cos({n})\\sin({n})"], [f"{k}\\sin {n}", f"{k}\\cos 2{n}", f"{2 * k}\\sin {n}", f"{k + 1}\\sin 2{n}"]),
        (f"\\cos {n}+{k}", [f"{k}+\\cos({n})", f"{k}+\\cos(-{n})", f"\\sin({n}+\\frac{{\\pi}}{{2}})+{k}"], [f"\\sin {n}+{k}", f"\\cos({n}+{k})", f"\\cos {n}-{k}", f"-\\cos {n}+{k}"]),
        (f"\\tan {n}", [f"\\frac{{\\sin {n}}}{{\\cos {n}}}", f"\\tan({n})", f"\\frac{{1}}{{\\cot {n}}}"], [f"\\cot {n}", f"-\\tan {n}", f"\\tan 2{n}", f"\\frac{{\\cos {n}}}{{\\sin {n}}}"]),
    ])  # fmt: skip
    return Case(base, equal, different)


@form("approximation")
def approximation(rng: random.Random) -> Case:
    k, s = rng.randint(2, 30), squarefree(rng)
    value = k * math.sqrt(s)
    base = f"{k}\\sqrt{{{s}}}"
    equal = [
        f"{base} \\approx {value:.2f}",
        f"{base}≈{value:.1f}",
        f"\\sqrt{{{k * k * s}}} \\approx {value:.3f}",
        f"{base} \\approx {value:.4f}",
    ]
    different = [
        f"{k}\\sqrt{{{s + 1}}} \\approx {value:.2f}",
        f"\\approx {value:.2f}",
        f"{value:.2f} \\approx {base}",
        f"-{base} \\approx {value:.2f}",
        f"{value:.2f}",
        f"{k + 1}\\sqrt{{{s}}} \\approx {value:.2f}",
    ]
    return Case(base, equal, different)


COSINES = {
    30: "\\frac{\\sqrt3}{2}", 45: "\\frac{\\sqrt2}{2}", 60: "\\frac12", 120: "-\\frac12", 135: "-\\frac{\\sqrt2}{2}",
    150: "-\\frac{\\sqrt3}{2}", 15: "\\frac{\\sqrt6+\\sqrt2}{4}", 75: "\\frac{\\sqrt6-\\sqrt2}{4}", 36: "\\frac{1+\\sqrt5}{4}",
    72: "\\frac{\\sqrt5-1}{4}", 210: "-\\frac{\\sqrt3}{2}", 300: "\\frac12", 315: "\\frac{\\sqrt2}{2}", 105: "\\frac{\\sqrt2-\\sqrt6}{4}",
}  # fmt: skip


@form("special angles")
def special(rng: random.Random) -> Case:
    angle = rng.choice(sorted(COSINES))
    other = rng.choice([key for key in COSINES if COSINES[key] != COSINES[angle] and key != 360 - angle])
    turns, k = Fraction(angle, 180), rng.randint(2, 9)
    radians = f"\\frac{{{'' if turns.numerator == 1 else turns.numerator}\\pi}}{{{turns.denominator}}}"
    value = math.cos(math.radians(angle))
    surd = COSINES[angle]
    equal = [
        f"\\cos {radians}",
        f"\\cos {angle}^\\circ",
        f"\\cos({angle}°)",
        f"\\sin\\left({90 - angle}^\\circ\\right)",
        f"\\cos {angle + 360}^\\circ",
        f"\\cos(-{angle}^\\circ)",
        f"\\frac{{{k}\\cos {angle}^\\circ}}{{{k}}}",
    ]
    different = [
        COSINES[other],
        f"\\cos {other}^\\circ",
        f"-\\cos {radians}",
        f"\\cos {angle}",
        f"\\cos {angle + 1}^\\circ",
        f"{k}\\cos {angle}^\\circ",
        f"\\sin {angle}^\\circ" if angle not in (45, 225) else "\\sin 1",
    ]
    if angle not in (60, 120, 300):
        different.append(f"{value:.4f}")
    return Case(surd, equal, different)


@form("pi and e")
def constants(rng: random.Random) -> Case:
    q, c = proper(rng, 12), rng.choice(["\\pi", "e", "\\pi^2"])
    a, b = q.numerator, q.denominator
    equal = [
        f"\\frac{{{a}{c}}}{{{b}}}",
        f"{a}{c}/{b}",
        f"{c}\\cdot\\frac{{{a}}}{{{b}}}",
        f"\\frac{{{3 * a}}}{{{3 * b}}} {c}",
        f"\\frac{{{a}}}{{{b}}}*{c}",
    ]
    if c == "\\pi":
        equal += [f"{a}π/{b}", f"{a}pi/{b}", f"{a}*pi/{b}"]
    other = {"\\pi": "e", "e": "\\pi", "\\pi^2": "\\pi"}[c]
    number = float(q) * {"\\pi": math.pi, "e": math.e, "\\pi^2": math.pi**2}[c]
    return Case(
        f"\\frac{{{a}}}{{{b}}}{c}",
        equal,
        [
            f"\\frac{{{a}}}{{{b}}}{other}",
            f"-\\frac{{{a}}}{{{b}}}{c}",
            f"{number:.2f}",
            f"{number:.6f}",
            f"\\frac{{{b}}}{{{a}}}{c}",
            f"\\frac{{{a}}}{{{b}}}",
            f"\\frac{{{a}}}{{{b}}}+{c}",
            f"\\frac{{{a}}}{{{b}{c}}}",
        ],
    )


@form("complex")
def complex_number(rng: random.Random) -> Case:
    a, b = nonzero(rng), rng.choice([-1, 1]) * rng.randint(2, 12)
    sign = "+" if b > 0 else "-"
    other = "-" if b > 0 else "+"
    equal = [
        f"{b}i+{a}" if a > 0 else f"{b}i{a}",
        f"{a} {sign} {abs(b)} i",
        f"{a}{sign}{abs(b)}\\cdot i",
        f"({a}{sign}{abs(b)}i)",
        f"\\frac{{{2 * a}{sign}{2 * abs(b)}i}}{{2}}",
        f"{a}{sign}i*{abs(b)}",
        f"\\frac{{{a * a + b * b}}}{{{a}{other}{abs(b)}i}}",
    ]
    return Case(
        f"{a}{sign}{abs(b)}i",
        equal,
        [
            f"{a}{other}{abs(b)}i",
            f"{-a}{sign}{abs(b)}i",
            f"{b}+{a}i" if a != b else f"{b}+{a + 1}i",
            f"{a}{sign}{abs(b)}",
            f"{a + b}",
            f"{a}{sign}{abs(b) + 1}i",
            f"({a}, {b})",
        ],
    )


@form("polynomial")
def polynomial(rng: random.Random) -> Case:
    v = rng.choice(["x", "y", "n", "t"])
    p, q = nonzero(rng, 9), nonzero(rng, 9)
    while p == q or p + q == 0:
        q = nonzero(rng, 9)
    s, m = p + q, p * q
    base = f"{v}^2{s:+d}{v}{m:+d}"
    equal = [
        f"({v}{p:+d})({v}{q:+d})",
        f"{m}{s:+d}{v}+{v}^2",
        f"{v}^{{2}} {s:+d} {v} {m:+d}",
        f"({v}{q:+d})*({v}{p:+d})",
        f"{v}({v}{s:+d}){m:+d}",
        f"{v}**2{s:+d}*{v}{m:+d}",
        f"\\frac{{2{v}^2{2 * s:+d}{v}{2 * m:+d}}}{{2}}",
    ]
    other = "z" if v != "z" else "x"
    return Case(
        base,
        equal,
        [
            f"{v}^2{-s:+d}{v}{m:+d}",
            f"{v}^2{s:+d}{v}{-m:+d}",
            f"{v}^2{s:+d}{v}{m + 1:+d}",
            f"2{v}^2{s:+d}{v}{m:+d}",
            f"{v}^3{s:+d}{v}{m:+d}",
            f"({v}{p:+d})^2",
            base.replace(v, other),
            f"{v}^2{m:+d}",
        ],
    )


@form("rational function")
def rational(rng: random.Random) -> Case:
    a, b = rng.randint(1, 9), rng.randint(1, 9)
    equal = [
        f"\\frac{{{2 * a}}}{{2x+{2 * b}}}",
        f"{a}/(x+{b})",
        f"\\frac{{{a}}}{{{b}+x}}",
        f"{a}(x+{b})^{{-1}}",
        f"\\frac{{{a}x}}{{x^2+{b}x}}",
        f"-\\frac{{{a}}}{{-x-{b}}}",
    ]
    return Case(
        f"\\frac{{{a}}}{{x+{b}}}",
        equal,
        [
            f"\\frac{{{a}}}{{x-{b}}}",
            f"\\frac{{{a}}}{{x}}+{b}",
            f"\\frac{{x+{b}}}{{{a}}}",
            f"\\frac{{{a + 1}}}{{x+{b}}}",
            f"{a}/x+{b}",
            f"-\\frac{{{a}}}{{x+{b}}}",
            f"\\frac{{{a}}}{{x^2+{b}}}",
        ],
    )


@form("equation")
def equation(rng: random.Random) -> Case:
    m, c, k = rng.choice([-1, 1]) * rng.randint(2, 9), nonzero(rng, 9), rng.randint(2, 5)
    base = f"y={m}x{c:+d}"
    equal = [
        f"y = {m}x {c:+d}",
        f"{m}x{c:+d}=y",
        f"y{-m:+d}x={c}",
        f"{k}y={k * m}x{k * c:+d}",
        f"{m}x-y{c:+d}=0",
        f"y={c}{m:+d}x",
        f"-y={-m}x{-c:+d}",
    ]
    return Case(
        base,
        equal,
        [
            f"y={m}x{-c:+d}",
            f"y={-m}x{c:+d}",
            f"y={m}x{c + 1:+d}" if c != -1 else f"y={m}x+5",
            f"x={m}y{c:+d}",
            f"z={m}x{c:+d}",
            f"y={m + 1}x{c:+d}" if m != -1 else "y=7x",
            f"{k}y={m}x{c:+d}",
            f"y={m}x^2{c:+d}",
        ],
    )


@form("conic")
def conic(rng: random.Random) -> Case:
    a, b, r = nonzero(rng, 6), nonzero(rng, 6), rng.randint(1, 9)
    base = f"(x{-a:+d})^2+(y{-b:+d})^2={r * r}"
    equal = [
        f"(y{-b:+d})^2+(x{-a:+d})^2={r * r}",
        f"x^2+y^2{-2 * a:+d}x{-2 * b:+d}y{a * a + b * b - r * r:+d}=0",
        f"{r * r}=(x{-a:+d})^2+(y{-b:+d})^2",
        f"2(x{-a:+d})^2+2(y{-b:+d})^2={2 * r * r}",
    ]
    return Case(
        base,
        equal,
        [
            f"(x{a:+d})^2+(y{-b:+d})^2={r * r}",
            f"(x{-a:+d})^2+(y{-b:+d})^2={r * r + 1}",
            f"(x{-a:+d})^2-(y{-b:+d})^2={r * r}",
            f"(x{-a:+d})^2+(y{-b - 1:+d})^2={r * r}",
            str(r * r),
        ],
    )
