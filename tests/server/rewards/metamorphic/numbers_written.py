"""Numbers as people write them: digits, fractions, percents, units, bases, times, dates.

Different by construction: every edit changes a value, a sign, a bracket, an order or a name that matters.
"""

# ruff: noqa: E501 - a case a line reads best

from __future__ import annotations

import math
import random
from fractions import Fraction

from .cases import Case, form, frac, nonzero, proper, squarefree


@form("integer")
def integer(rng: random.Random) -> Case:
    n = nonzero(rng, 999)
    equal = [f"{n}.0", f"+{n}" if n > 0 else f"−{-n}", f"${n}$", f"\\text{{{n}}}", f"{n}.", f"\\frac{{{2 * n}}}{{2}}", f"({n})",
             f"\\mathbf{{{n}}}", f"\\left({n}\\right)", f"{n},"]  # fmt: skip
    return Case(
        str(n),
        equal,
        [
            str(n + 1),
            str(-n),
            f"{n}.5",
            f"{n}1",
            f"{n}x",
            f"{n}^2" if abs(n) != 1 else f"{n}7",
            f"{n}, {n + 1}",
            f"{n}i",
        ],
    )


@form("decimal")
def decimal(rng: random.Random) -> Case:
    places = rng.randint(1, 4)
    digits = rng.randint(1, 9 * 10**places) * 10 + rng.randint(1, 9)
    value = Fraction(digits, 10 ** (places + 1))
    text = f"{digits // 10 ** (places + 1)}.{digits % 10 ** (places + 1):0{places + 1}d}"
    equal = [
        f"{text}0",
        frac(value),
        f"{value.numerator}/{value.denominator}",
        text.lstrip("0") or text,
        f"{digits}e-{places + 1}",
        f"+{text}",
    ]
    return Case(
        text, equal, [f"{text}1", f"-{text}", text[:-1], f"{float(value) * 10:.{places + 1}f}", f"{text}x", str(digits)]
    )


@form("thousands")
def thousands(rng: random.Random) -> Case:
    n = rng.randint(1000, 10 ** rng.randint(4, 10))
    grouped = f"{n:,}"
    equal = [str(n), grouped.replace(",", "{,}"), grouped.replace(",", "\\,"), grouped.replace(",", ",\\!"), grouped.replace(",", ", \\!"),
             grouped.replace(",", " "), grouped.replace(",", "\u202f"), grouped.replace(",", "'"), f"\\${grouped}", f"{grouped}.00", grouped.replace(",", "~")]  # fmt: skip
    return Case(
        grouped,
        equal,
        [f"{n + 1000:,}", f"{n * 10}", f"{n // 10}", grouped.replace(",", ".", 1), grouped + ",000", f"-{grouped}"],
    )


@form("scientific")
def scientific(rng: random.Random) -> Case:
    m, k = Fraction(rng.choice([n for n in range(11, 99) if n % 10]), 10), rng.choice([*range(-9, -1), *range(2, 12)])
    text = f"{float(m)} \\times 10^{{{k}}}"
    equal = [
        f"{float(m)}e{k}",
        f"{float(m)}\\cdot 10^{{{k}}}",
        f"{float(m)} × 10^{k}",
        f"{float(m * 10)} \\times 10^{{{k - 1}}}",
        f"{float(m)}*10^{k}",
        f"{int(m * 10)}\\times10^{{{k - 1}}}",
    ]
    if k > 1:
        equal.append(str(int(m * 10**k)))
    return Case(
        text,
        equal,
        [
            f"{float(m)} \\times 10^{{{-k}}}",
            f"{float(m)} \\times 10^{{{k + 1}}}",
            f"-{text}",
            f"{float(m) + 1:.1f} \\times 10^{{{k}}}",
            f"{float(m)}",
            f"10^{{{k}}}",
        ],
    )


@form("fraction")
def fraction(rng: random.Random) -> Case:
    q = proper(rng)
    a, b, c = q.numerator, q.denominator, rng.randint(2, 9)
    equal = [
        f"\\frac{{{a}}}{{{b}}}",
        f"\\dfrac{{{a}}}{{{b}}}",
        f"\\tfrac{{{a}}}{{{b}}}",
        f"\\frac{{{a * c}}}{{{b * c}}}",
        f"{a * c}/{b * c}",
        f"\\frac{{-{a}}}{{-{b}}}",
        f"{a} / {b}",
        f"{a}\\div {b}",
        f"({a})/({b})",
    ]
    if a < 10 and b < 10:
        equal.append(f"\\frac{a}{b}")
    return Case(
        f"{a}/{b}",
        equal,
        [
            f"{b}/{a}",
            f"-{a}/{b}",
            f"{a + 1}/{b}",
            f"{a}/{b + 1}",
            f"\\frac{{{a}}}{{{b}}}x",
            str(a),
            f"{float(q):.2f}1",
            f"{a}.{b}",
        ],
    )


@form("mixed")
def mixed(rng: random.Random) -> Case:
    w, b = rng.randint(1, 20), rng.randint(2, 19)
    a = rng.choice([n for n in range(1, b) if math.gcd(n, b) == 1])
    sign = rng.choice(["", "-"])
    total = f"{sign}{w * b + a}/{b}"
    equal = [
        f"{sign}{w}\\frac{{{a}}}{{{b}}}",
        f"{sign}{w} \\dfrac{{{a}}}{{{b}}}",
        total,
        f"{sign}{w} {2 * a}/{2 * b}",
        f"{sign}\\frac{{{w * b + a}}}{{{b}}}",
    ]
    return Case(
        f"{sign}{w} {a}/{b}",
        equal,
        [
            f"{sign}{w * 100 + a}/{b}",
            f"{sign}{w + 1} {a}/{b}",
            f"{sign}{w} {a}/{b + 1}",
            f"{sign}{w}",
            f"{'' if sign else '-'}{w} {a}/{b}",
            f"{sign}{Fraction(w * a, b) if w * a != w * b + a else w}",
        ],
    )


@form("percent")
def percent(rng: random.Random) -> Case:
    n = rng.choice([k for k in range(2, 99) if k not in (1, 10)])
    equal = [f"{n}\\%", str(n), f"{n} percent", f"{n / 100}", frac(Fraction(n, 100)), f"{n}.0%", f"{n} %", f"${n}\\%$"]
    return Case(
        f"{n}%",
        equal,
        [
            f"{n + 1}%",
            f"{n / 10}%",
            f"{n * 100}%",
            f"-{n}%",
            f"{n / 1000}",
            f"{n * 10}",
            f"{100 - n if n != 50 else 51}%",
        ],
    )


@form("currency")
def currency(rng: random.Random) -> Case:
    n = rng.randint(2, 4000)
    equal = [str(n), f"${n}", f"{n} dollars", f"\\${n}.00", f"{n:,}", f"\\text{{\\${n}}}", f"${n}.00", f"{n} USD"]
    return Case(f"\\${n}", equal, [f"\\${n + 1}", f"-\\${n}", f"€{n}", f"{n} cents", f"\\${n}.50", f"\\${n * 10}"])


UNITS = [
    ("cm", "centimeters", "kg"),
    ("m", "meters", "s"),
    ("kg", "kilograms", "m"),
    ("hours", "hrs", "minutes"),
    ("miles", "miles", "km"),
    ("cm^2", "\\text{cm}^2", "cm^3"),
    ("apples", "apples", "oranges"),
    ("ft", "feet", "kg"),
    ("km/h", "km/h", "m"),
]


@form("units")
def units(rng: random.Random) -> Case:
    n = rng.choice([str(rng.randint(2, 500)), f"{rng.randint(1, 50)}.5", frac(proper(rng))])
    unit, other, wrong = rng.choice(UNITS)
    equal = [
        n,
        f"{n}\\text{{ {unit}}}" if "^" not in unit else f"{n}\\text{{ cm}}^2",
        f"{n} {other}",
        f"{n}\\,\\mathrm{{{unit}}}" if "^" not in unit else n,
        f"{n} {unit}.",
    ]
    return Case(
        f"{n} {unit}",
        equal,
        [
            f"{n} {wrong}",
            f"-{n} {unit}",
            f"{n}1 {unit}" if "frac" not in n else f"2{unit}2",
            f"1{n} {unit}" if "frac" not in n else f"7{n} {wrong}",
        ],
    )


@form("units on expressions")
def expression_units(rng: random.Random) -> Case:
    n, s = rng.randint(2, 30), squarefree(rng)
    core = rng.choice([f"{n}\\sqrt{{{s}}}", f"{n}\\pi", f"\\frac{{{n}\\pi}}{{{s}}}"])
    equal = [core, f"{core}\\text{{ cm}}", f"{core} \\text{{ centimeters}}", f"{core}\\ \\mathrm{{cm}}", f"{core} cm"]
    return Case(
        f"{core} \\text{{ cm}}",
        equal,
        [
            f"{core} \\text{{ kg}}",
            f"-{core} \\text{{ cm}}",
            f"1{n}\\text{{ cm}}",
            f"{core}^2 \\text{{ cm}}",
            f"2{core} \\text{{ cm}}",
        ],
    )


@form("degrees")
def degrees(rng: random.Random) -> Case:
    n = rng.randint(1, 359)
    equal = [
        str(n),
        f"{n}°",
        f"{n} degrees",
        f"{n}^{{\\circ}}",
        f"{n}\\degree",
        f"{n}^\\circ ",
        f"\\frac{{{n}\\pi}}{{180}}",
    ]
    return Case(
        f"{n}^\\circ",
        equal,
        [f"{n + 1}^\\circ", f"-{n}^\\circ", f"{n}\\pi", f"{n * 10}^\\circ", f"\\frac{{{n}\\pi}}{{90}}", f"{n}x"],
    )


@form("base")
def based(rng: random.Random) -> Case:
    base = rng.choice([2, 3, 4, 5, 6, 7, 8, 9])
    digits = str(rng.randint(1, base - 1)) + "".join(str(rng.randint(0, base - 1)) for _ in range(rng.randint(2, 6)))
    word = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine"}[base]
    equal = [
        f"{digits}_{{{base}}}",
        f"({digits})_{base}",
        f"{digits}_{{\\text{{{word}}}}}",
        f"{digits} base {base}",
        f"{digits} (base {base})",
        f"{digits}_{{\\text{{{base}}}}}",
    ]
    return Case(
        f"{digits}_{base}",
        equal,
        [
            digits,
            f"{digits}_{base + 1}",
            f"{digits}0_{base}",
            f"{digits}1_{base}",
            f"1{digits}_{base}",
            str(int(digits, base) + 1),
        ],
    )


@form("repeating")
def repeating(rng: random.Random) -> Case:
    whole, period = rng.randint(0, 9), rng.choice(["3", "6", "12", "27", "142857", "18", "45", "7", "01"])
    fixed = rng.choice(["", "1", "58"])
    scale = 10 ** len(fixed)
    value = whole + Fraction(int(fixed or "0"), scale) + Fraction(int(period), scale * (10 ** len(period) - 1))
    equal = [
        f"{whole}.{fixed}\\bar{{{period}}}",
        f"{whole}.{fixed}({period})",
        frac(value),
        f"{value.numerator}/{value.denominator}",
        f"{whole}.{fixed}{period}\\overline{{{period}}}",
    ]
    return Case(
        f"{whole}.{fixed}\\overline{{{period}}}",
        equal,
        [
            f"{whole}.{fixed}{period}",
            f"{whole + 1}.{fixed}\\overline{{{period}}}",
            f"-{whole}.{fixed}\\overline{{{period}}}",
            f"{whole}.{fixed}0\\overline{{{period}}}",
            f"{whole}.{fixed}{period}{period}{period}",
            frac(value + Fraction(1, 90)),
        ],
    )


@form("ratio")
def ratio(rng: random.Random) -> Case:
    a, b = rng.choice([(a, b) for a in range(1, 9) for b in range(1, 10) if a != b and math.gcd(a, b) == 1])
    equal = [
        f"{a} : {b}",
        f"{a} to {b}",
        f"{2 * a}:{2 * b}" if 2 * b < 10 else f"{a}:{b}",
        f"\\text{{{a}:{b}}}",
        f"{a}\\colon{b}",
        f"{a}/{b}",
    ]
    return Case(f"{a}:{b}", equal, [f"{b}:{a}", f"{a}:{b + 1}", f"{a}:{b}:1", str(a), f"{a}.{b}", f"{a + b}:{b}"])


@form("time")
def time_of_day(rng: random.Random) -> Case:
    hour, minute, half = rng.randint(1, 12), rng.randint(0, 59), rng.choice(["AM", "PM"])
    other = "PM" if half == "AM" else "AM"
    dotted = "a.m." if half == "AM" else "p.m."
    late = hour % 12 + (12 if half == "PM" else 0)
    equal = [
        f"{hour}:{minute:02d} {dotted}",
        f"{hour}:{minute:02d}{half.lower()}",
        f"\\text{{{hour}:{minute:02d} {half}}}",
        f"{hour:02d}:{minute:02d} {half}",
        f"{hour}:{minute:02d}\\text{{ {dotted}}}",
    ]
    if late >= 13:
        equal.append(f"{late}:{minute:02d}")
    return Case(
        f"{hour}:{minute:02d} {half}",
        equal,
        [
            f"{hour}:{minute:02d} {other}",
            f"{hour % 12 + 1}:{minute:02d} {half}",
            f"{hour}:{(minute + 1) % 60:02d} {half}",
            str(hour),
            f"{hour}:{minute:02d}:30 {half}",
        ],
    )


MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@form("date")
def date(rng: random.Random) -> Case:
    month, day, year = rng.randint(1, 12), rng.randint(1, 28), rng.randint(1900, 2030)
    name = MONTHS[month - 1]
    ending = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}.get(day, "th")
    equal = [
        f"{day} {name} {year}",
        f"{name[:3]} {day}, {year}",
        f"{name} {day}{ending}, {year}",
        f"{year}-{month:02d}-{day:02d}",
        f"\\text{{{name} {day}, {year}}}",
        f"{month}/{day}/{year}",
        f"{name} {day} {year}",
    ]
    return Case(
        f"{name} {day}, {year}",
        equal,
        [
            f"{name} {day + 1}, {year}",
            f"{MONTHS[month % 12]} {day}, {year}",
            f"{name} {day}, {year + 1}",
            str(year),
            name,
            f"{year}-{month % 12 + 1:02d}-{day:02d}",
        ],
    )
