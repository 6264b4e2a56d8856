"""One exact form per scalar: a quotient of polynomials in independent atoms over the rational numbers.

Atoms are variables, pi, e, i, roots of primes (``2^(1/2)``), logarithms of primes, powers with symbolic exponents, and
*opaque* ones: whatever is not taken apart (``sin(2)``, nested roots), named by its own form. Two forms without opaque
atoms are equal if and only if their cross product vanishes (taking the usual independence of pi, e and logarithms for
granted; the floating evaluation refutes before that is needed). All work is bounded by a budget.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

from assay_server.rewards.mathematics.tree import Node

Monomial = tuple[tuple[str, Fraction], ...]
Polynomial = dict[Monomial, Fraction]

_UNIT: Monomial = ()
_MOST_TERMS = 40
_MOST_PRODUCTS = 800
_MOST_BITS = 16_000
_MOST_DECIMAL_BITS = 4000
_LARGEST_POWER = 64
_LARGEST_TRIAL = 1000
_HALF = Fraction(1, 2)


class OverBudget(ArithmeticError):
    """The form would be too large, or the expression has no value (a division by zero)."""


class Form:
    """``numerator / denominator``, and whether both are free of opaque atoms."""

    __slots__ = ("complete", "denominator", "numerator")

    def __init__(self, numerator: Polynomial, denominator: Polynomial | None = None, *, complete: bool = True) -> None:
        self.numerator = numerator
        self.denominator = _ONE_POLYNOMIAL if denominator is None else denominator
        self.complete = complete

    def constant(self) -> Fraction | None:
        """Its value where it is rational."""
        if len(self.denominator) == 1 and _UNIT in self.denominator:
            if not self.numerator:
                return Fraction(0)
            if len(self.numerator) == 1 and _UNIT in self.numerator:
                return self.numerator[_UNIT] / self.denominator[_UNIT]
        return None

    def single(self) -> tuple[Monomial, Fraction] | None:
        """Its only term where it is one."""
        if len(self.numerator) == 1 and len(self.denominator) == 1 and _UNIT in self.denominator:
            ((monomial, coefficient),) = self.numerator.items()
            return monomial, coefficient / self.denominator[_UNIT]
        return None

    def key(self) -> str:
        """A text that names it; equal forms without denominators have equal keys."""
        above = _text(self.numerator)
        return above if self.denominator == _ONE_POLYNOMIAL else f"({above})/({_text(self.denominator)})"


_ONE_POLYNOMIAL: Polynomial = {_UNIT: Fraction(1)}


def _text(polynomial: Polynomial) -> str:
    if not polynomial:
        return "0"
    terms: list[str] = []
    for monomial, coefficient in sorted(polynomial.items(), key=_order):
        factors = [name if exponent == 1 else f"{name}^({exponent})" for name, exponent in monomial]
        if coefficient != 1 or not factors:
            factors.insert(0, _digits(coefficient))
        terms.append("*".join(factors))
    return " + ".join(terms)


def _digits(value: Fraction) -> str:
    """A rational number; one with thousands of digits in base sixteen, which takes no time."""
    if max(value.numerator.bit_length(), value.denominator.bit_length()) <= _MOST_DECIMAL_BITS:
        return str(value)
    return f"{value.numerator:#x}/{value.denominator:#x}"


def _order(item: tuple[Monomial, Fraction]) -> tuple[Fraction, Monomial]:
    monomial = item[0]
    return (-sum((exponent for _, exponent in monomial), Fraction(0)), monomial)


class Undefined(OverBudget):
    """The expression has no value: a division by zero, ``0^0``."""


def constant(value: Fraction | int) -> Form:
    """A rational number."""
    fraction = Fraction(value)
    return Form({_UNIT: fraction} if fraction else {})


def atom(name: str, exponent: Fraction | int = 1, *, complete: bool = True) -> Form:
    """``name ** exponent``."""
    return Form({((name, Fraction(exponent)),): Fraction(1)}, complete=complete)


def _multiply_monomials(a: Monomial, b: Monomial) -> tuple[Monomial, Fraction]:
    if not a:
        return b, Fraction(1)
    if not b:
        return a, Fraction(1)
    exponents = dict(a)
    for name, exponent in b:
        exponents[name] = exponents.get(name, Fraction(0)) + exponent
    return _reduced(exponents)


def _reduced(exponents: dict[str, Fraction]) -> tuple[Monomial, Fraction]:
    """Whole powers of numbers go into the coefficient, ``i^2`` is -1."""
    factor = Fraction(1)
    kept: list[tuple[str, Fraction]] = []
    for name, given in exponents.items():
        exponent = given
        if name == "i" and exponent.denominator == 1:
            turns = exponent.numerator % 4
            factor = -factor if turns >= 2 else factor
            exponent = Fraction(turns % 2)
        elif name[0].isdigit() and name.isdigit():
            whole = math.floor(exponent)
            if whole and abs(whole) * int(name).bit_length() <= _MOST_BITS:
                factor *= Fraction(int(name)) ** whole
                exponent -= whole
        if exponent:
            kept.append((name, exponent))
    return tuple(sorted(kept)), factor


def _sum(a: Polynomial, b: Polynomial) -> Polynomial:
    total = dict(a)
    for monomial, coefficient in b.items():
        value = total.get(monomial, 0) + coefficient
        if value:
            total[monomial] = value
        else:
            total.pop(monomial, None)
    if len(total) > _MOST_TERMS:
        raise OverBudget("too many terms")
    return total


def _product(a: Polynomial, b: Polynomial) -> Polynomial:
    if a is _ONE_POLYNOMIAL or not b:
        return b
    if b is _ONE_POLYNOMIAL or not a:
        return a
    if len(a) * len(b) > _MOST_PRODUCTS:
        raise OverBudget("too many products")
    total: Polynomial = {}
    for left, p in a.items():
        for right, q in b.items():
            monomial, factor = _multiply_monomials(left, right)
            value = total.get(monomial, 0) + p * q * factor
            if value:
                total[monomial] = value
            else:
                total.pop(monomial, None)
    if len(total) > _MOST_TERMS or any(value.numerator.bit_length() > 2 * _MOST_BITS for value in total.values()):
        raise OverBudget("too large a product")
    return total


def add(a: Form, b: Form) -> Form:
    """``a + b``."""
    complete = a.complete and b.complete
    if a.denominator == b.denominator:
        return Form(_sum(a.numerator, b.numerator), a.denominator, complete=complete)
    above = _sum(_product(a.numerator, b.denominator), _product(b.numerator, a.denominator))
    return Form(above, _product(a.denominator, b.denominator), complete=complete)


def multiply(a: Form, b: Form) -> Form:
    """``a * b``."""
    above, below = _product(a.numerator, b.numerator), _product(a.denominator, b.denominator)
    return Form(above, below, complete=a.complete and b.complete)


def negated(a: Form) -> Form:
    """``-a``."""
    return Form({monomial: -value for monomial, value in a.numerator.items()}, a.denominator, complete=a.complete)


def inverted(a: Form) -> Form:
    """``1 / a``."""
    if not a.numerator:
        raise Undefined("a division by zero")
    if len(a.numerator) == 1:
        ((monomial, coefficient),) = a.numerator.items()
        flipped, factor = _reduced({name: -exponent for name, exponent in monomial})
        return Form(_product(a.denominator, {flipped: factor / coefficient}), complete=a.complete)
    return Form(a.denominator, a.numerator, complete=a.complete)


def power(base: Form, exponent: Form) -> Form:
    """``base ** exponent``."""
    value = exponent.constant()
    if value is None:
        return _symbolic_power(base, exponent)
    if not base.numerator and value <= 0:
        raise Undefined("zero to a power that is not positive")
    if value.denominator == 1:
        return _whole_power(base, value.numerator)
    return _rational_power(base, value)


def _whole_power(base: Form, exponent: int) -> Form:
    if exponent < 0:
        return _whole_power(inverted(base), -exponent)
    single = base.single()
    if single is not None:
        monomial, coefficient = single
        raised, factor = _reduced({name: power * exponent for name, power in monomial})
        return multiply(Form({raised: factor}, complete=base.complete), _number_power(coefficient, Fraction(exponent)))
    if exponent > _LARGEST_POWER:
        raise OverBudget("too high a power of a sum")
    result = constant(1)
    while exponent:
        if exponent & 1:
            result = multiply(result, base)
        exponent >>= 1
        if exponent:
            base = multiply(base, base)
    return result


@lru_cache(maxsize=4096)
def _factors(number: int) -> tuple[tuple[int, int], ...]:
    """Prime powers of ``number``; a rest without small factors counts as a prime (or as a square of one)."""
    found: list[tuple[int, int]] = []
    for prime in (2, *range(3, _LARGEST_TRIAL, 2)):
        if prime * prime > number:
            break
        count = 0
        while number % prime == 0:
            number //= prime
            count += 1
        if count:
            found.append((prime, count))
    if number > 1:
        root = math.isqrt(number)
        found.append((root, 2) if root * root == number else (number, 1))
    return tuple(found)


def _number_power(value: Fraction, exponent: Fraction) -> Form:
    """``value ** exponent`` over primes; the root of a negative number is real for odd roots, else a multiple of i."""
    if exponent.denominator == 1:
        bits = max(value.numerator.bit_length(), value.denominator.bit_length())
        if abs(exponent.numerator) * bits <= _MOST_BITS or abs(value) in (0, 1):
            if not value and exponent <= 0:
                raise Undefined("a division by zero")
            return constant(value ** (exponent.numerator if abs(value) != 1 else exponent.numerator % 2))
    if not value:
        raise OverBudget("a root of zero") if exponent < 0 else OverBudget("zero")
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > 256:
        raise OverBudget("a root of a large number")
    exponents: dict[str, Fraction] = {}
    for part, sign in ((abs(value.numerator), 1), (value.denominator, -1)):
        for prime, count in _factors(part):
            exponents[str(prime)] = exponents.get(str(prime), Fraction(0)) + sign * count * exponent
    monomial, factor = _reduced(exponents)
    form = Form({monomial: factor})
    return _with_sign(form, exponent) if value < 0 else form


def _with_sign(form: Form, exponent: Fraction) -> Form:
    """The root of a negative number from that of its size."""
    if exponent.denominator % 2:
        return negated(form) if exponent.numerator % 2 else form
    if exponent.denominator != 2:
        raise OverBudget("a complex root")
    return multiply(form, _whole_power(atom("i"), exponent.numerator))


def _rational_power(base: Form, exponent: Fraction) -> Form:
    if not base.numerator:
        if exponent < 0:
            raise Undefined("a division by zero")
        return base
    single = base.single()
    if single is not None:
        monomial, coefficient = single
        if all(_may_be_rooted(name, power) for name, power in monomial):
            raised, factor = _reduced({name: power * exponent for name, power in monomial})
            number = _number_power(coefficient, exponent)
            return multiply(Form({raised: factor}, complete=base.complete), number)
        if exponent == _HALF and all(power.denominator == 1 and power.numerator % 2 == 0 for _, power in monomial):
            root = Form({tuple((name, power / 2) for name, power in monomial): Fraction(1)})
            return multiply(opaque("abs", root), _number_power(coefficient, exponent))
        return _opaque_power(base, exponent)
    if exponent.denominator == 2:
        denested = _denested(base)
        if denested is not None:
            return _whole_power(denested, exponent.numerator)
    return _opaque_power(base, exponent)


def _may_be_rooted(name: str, power: Fraction) -> bool:
    """Whether ``(name^power)^exponent`` is ``name^(power exponent)``: not for ``(x^2)^(1/2)``, nor for roots of i."""
    if name[0].isdigit() or name in ("pi", "e") or name.startswith("log("):
        return True
    return name != "i" and power.denominator == 1 and power.numerator % 2 == 1


def _opaque_power(base: Form, exponent: Fraction) -> Form:
    """The root of a sum, its rational content taken out so that proportional sums share an atom."""
    whole = math.floor(exponent)
    part = exponent - whole
    content = _content(base.numerator) / _content(base.denominator)
    primitive = Form(
        _scaled(base.numerator, _content(base.numerator)),
        _scaled(base.denominator, _content(base.denominator)),
        complete=False,
    )
    root = multiply(_number_power(content, part), atom(f"[{primitive.key()}]", part, complete=False))
    return multiply(_whole_power(base, whole), root) if whole else root


def _content(polynomial: Polynomial) -> Fraction:
    above = math.gcd(*(value.numerator for value in polynomial.values()))
    below = math.lcm(*(value.denominator for value in polynomial.values()))
    return Fraction(above, below)


def _scaled(polynomial: Polynomial, content: Fraction) -> Polynomial:
    return {monomial: value / content for monomial, value in polynomial.items()}


def _denested(base: Form) -> Form | None:
    """``sqrt(a + b sqrt(c))`` as a sum of two roots where that is possible."""
    if len(base.numerator) != 2 or base.denominator != _ONE_POLYNOMIAL or _UNIT not in base.numerator:
        return None
    whole = base.numerator[_UNIT]
    (surd,) = (item for item in base.numerator.items() if item[0])
    if any(not name.isdigit() or exponent != _HALF for name, exponent in surd[0]):
        return None
    square = surd[1] ** 2 * math.prod(int(name) for name, _ in surd[0])
    root = _exact_root(whole**2 - square)
    if root is None or whole <= 0:
        return None
    first = _number_power((whole + root) / 2, _HALF)
    second = _number_power((whole - root) / 2, _HALF) if whole != root else constant(0)
    return add(first, second if surd[1] > 0 else negated(second))


def _exact_root(value: Fraction) -> Fraction | None:
    if value < 0:
        return None
    above, below = math.isqrt(value.numerator), math.isqrt(value.denominator)
    return Fraction(above, below) if above**2 == value.numerator and below**2 == value.denominator else None


def _symbolic_power(base: Form, exponent: Form) -> Form:
    if exponent.denominator != _ONE_POLYNOMIAL or not base.numerator:
        raise OverBudget("a power with a quotient as exponent")
    single = base.single()
    if single is None or single[1] < 0:
        raise OverBudget("a power of a sum")
    names: dict[str, Fraction] = dict(single[0])
    for part, sign in ((single[1].numerator, 1), (single[1].denominator, -1)):
        for prime, count in _factors(part):
            names[str(prime)] = names.get(str(prime), Fraction(0)) + sign * count
    result = constant(1)
    for name, count in names.items():
        for monomial, coefficient in exponent.numerator.items():
            result = multiply(result, _power_atom(name, monomial, coefficient * count))
    return Form(result.numerator, result.denominator, complete=base.complete and exponent.complete)


def _power_atom(name: str, monomial: Monomial, coefficient: Fraction) -> Form:
    if not monomial:
        raised, factor = _reduced({name: coefficient})
        return Form({raised: factor})
    if name == "e" and monomial == (("i", Fraction(1)), ("pi", Fraction(1))):
        cosine, sine = special_cosine(coefficient), special_cosine(_HALF - coefficient)
        if cosine is not None and sine is not None:
            return add(cosine, multiply(atom("i"), sine))
    if name == "e" and len(monomial) == 1 and monomial[0][0].startswith("log(") and monomial[0][1] == 1:
        return _number_power(Fraction(int(monomial[0][0][4:-1])), coefficient)
    known = name != "i" and all(other != "i" for other, _ in monomial)
    return atom(f"[{name}^{_text({monomial: Fraction(1)})}]", coefficient, complete=known)


_COSINES = {
    Fraction(0): (1, 1, 0, 0),
    Fraction(1, 6): (0, 1, 3, 2),
    Fraction(1, 4): (0, 1, 2, 2),
    Fraction(1, 3): (1, 2, 0, 0),
    Fraction(1, 2): (0, 1, 0, 0),
}
"""cos(pi q): rational part, its denominator; radicand and denominator of the other part."""


def special_cosine(turns: Fraction) -> Form | None:
    """``cos(pi turns)`` where it is a simple surd: multiples of 15, 30, 36 and 45 degrees."""
    turns %= 2
    turns = min(turns, 2 - turns)
    negative = turns > _HALF
    turns = 1 - turns if negative else turns
    form = _first_quadrant(turns)
    return form if form is None or not negative else negated(form)


def _first_quadrant(turns: Fraction) -> Form | None:
    if turns in _COSINES:
        rational, below, radicand, divisor = _COSINES[turns]
        if radicand:
            return multiply(_number_power(Fraction(radicand), _HALF), constant(Fraction(1, divisor)))
        return constant(Fraction(rational, below))
    if turns in (Fraction(1, 12), Fraction(5, 12)):
        six, two = _number_power(Fraction(6), _HALF), _number_power(Fraction(2), _HALF)
        return multiply(add(six, two if turns == Fraction(1, 12) else negated(two)), constant(Fraction(1, 4)))
    if turns in (Fraction(1, 5), Fraction(2, 5)):
        five = _number_power(Fraction(5), _HALF)
        return multiply(add(five, constant(1 if turns == Fraction(1, 5) else -1)), constant(Fraction(1, 4)))
    return None


def logarithm(argument: Form) -> Form:
    """The natural logarithm, a sum over primes and known atoms where the argument is one term."""
    single = argument.single()
    if single is None or single[1] <= 0:
        return opaque("log", argument)
    total = constant(0)
    complete = argument.complete
    for name, exponent in single[0]:
        if name == "e":
            part = constant(exponent)
        elif name.isdigit():
            part = multiply(atom(f"log({name})"), constant(exponent))
        elif name.startswith("[e^") or exponent.denominator != 1 or exponent.numerator % 2 == 0 or name == "i":
            return opaque("log", argument)
        else:
            part = multiply(atom(f"log {name}"), constant(exponent))
            complete = complete and name != "pi"
        total = add(total, part)
    for number, sign in ((single[1].numerator, 1), (single[1].denominator, -1)):
        if number.bit_length() > 256:
            return opaque("log", argument)
        for prime, count in _factors(number):
            total = add(total, multiply(atom(f"log({prime})"), constant(sign * count)))
    return Form(total.numerator, total.denominator, complete=complete)


def opaque(name: str, *arguments: Form) -> Form:
    """A function that is not taken apart."""
    return atom(f"{name}[{', '.join(argument.key() for argument in arguments)}]", complete=False)


def form_of(node: Node) -> Form:
    """The form of a scalar.

    Raises:
        OverBudget: too large, without value, or not a scalar.
    """
    from assay_server.rewards.mathematics.functions import function_form

    if node.op == "num":
        return constant(node.number)
    if node.op == "sym":
        if node.name == "infty":
            raise OverBudget("infinity is no number")
        return atom(node.name)
    if node.op == "add":
        total = form_of(node.args[0])
        for term in node.args[1:]:
            total = add(total, form_of(term))
        return total
    if node.op == "mul":
        total = form_of(node.args[0])
        for factor in node.args[1:]:
            total = multiply(total, form_of(factor))
        return total
    if node.op == "pow":
        return power(form_of(node.args[0]), form_of(node.args[1]))
    if node.op == "call":
        return function_form(node.name, node.args)
    raise OverBudget(f"{node.op} is no scalar")


def equal_forms(a: Form, b: Form) -> bool:
    """Whether the cross product vanishes."""
    if a.denominator == b.denominator:
        return a.numerator == b.numerator
    return _product(a.numerator, b.denominator) == _product(b.numerator, a.denominator)


def cross_difference(a: Form, b: Form) -> Polynomial:
    """``a - b`` without its denominator."""
    return add(a, negated(b)).numerator
