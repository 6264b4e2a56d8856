"""Lies that are values: what the function returns takes part in the comparison, or never lets it end."""

from __future__ import annotations

from tests.hostile.lies.lie import Harm, Lie, Suite

_HANDLE = "an object, or a subclass of a plain type, stays with the program: it equals no data and is not true"
_DATA = "what crosses is plain data; the suite computes with it itself"
_LIMIT = "CPU and wall time of a test; what the suite does with an answer counts as well"


def _answer(body: str, base: str = "object") -> str:
    return f"class Answer({base}):\n{body}\ndef solve(n):\n    return Answer()\n"


VALUES = (
    Lie(
        "equal_to_all", "an object that equals everything", _HANDLE,
        _answer("    def __eq__(self, other): return True"),
    ),
    Lie(
        "list_equal_to_all", "a subclass of list that equals everything", _HANDLE,
        _answer("    def __eq__(self, other): return True", "list"),
    ),
    Lie(
        "list_equal_from_the_right", "a subclass is asked first, also where it stands on the right", _HANDLE,
        _answer("    def __eq__(self, other): return True", "list"), Suite.REFLECTED,
    ),
    Lie(
        "never_different", "an object that is different from nothing", _HANDLE,
        _answer("    def __ne__(self, other): return False"), Suite.NOT_DIFFERENT,
    ),
    Lie(
        "member_of_all", "an object that is in every collection", _HANDLE,
        _answer("    def __eq__(self, other): return True"), Suite.MEMBER,
    ),
    Lie(
        "items_equal_to_all", "a plain list of numbers that equal everything", _HANDLE,
        "class Number(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\n"
        "def solve(n):\n    return [Number() for _ in range(n)]\n",
    ),
    Lie(
        "floats_equal_to_all", "a plain list of floats that equal everything", _HANDLE,
        "class Number(float):\n    def __eq__(self, other): return True\n    __hash__ = float.__hash__\n"
        "def solve(n):\n    return [Number() for _ in range(n)]\n", Suite.ITEM,
    ),
    Lie(
        "text_equal_to_all", "a text that equals everything", _HANDLE,
        _answer("    def __eq__(self, other): return True", "str"),
    ),
    Lie(
        "tuple_equal_to_all", "a named tuple that equals everything", _HANDLE,
        "import collections\nclass Answer(collections.namedtuple('Pair', 'a b')):\n"
        "    def __eq__(self, other): return True\ndef solve(n):\n    return Answer(1, 2)\n",
    ),
    Lie(
        "mapping_equal_to_all", "a dict that equals everything and has every item", _HANDLE,
        _answer(
            "    def __eq__(self, other): return True\n    def __missing__(self, key): return Answer()", "dict"
        ), Suite.ITEM,
    ),
    Lie(
        "class_equal_to_all", "a class whose class equals everything", _HANDLE,
        "class Meta(type):\n    def __eq__(self, other): return True\n    __hash__ = type.__hash__\n"
        "class Answer(metaclass=Meta): pass\ndef solve(n):\n    return Answer\n",
    ),
    Lie(
        "true_instead_of_bool", "a comparison that returns an object which is true", _HANDLE,
        "class Yes:\n    def __bool__(self): return True\nclass Answer:\n"
        "    def __eq__(self, other): return Yes()\ndef solve(n):\n    return Answer()\n",
    ),
    Lie(
        "pretends_to_be_a_list", "an object whose __class__ says list", _HANDLE,
        _answer("    __class__ = list\n    def __eq__(self, other): return True"), Suite.INSTANCE,
    ),
    Lie(
        "learns_the_answer", "a comparison that keeps what it was compared with, for the next call", _HANDLE,
        "known = {}\nclass Answer:\n    def __init__(self, n): self.n = n\n"
        "    def __eq__(self, other):\n        known[self.n] = other\n        return True\n"
        "def solve(n):\n    return known.get(n) or Answer(n)\n",
    ),
    Lie(
        "any_of_mock", "the standard library's object that equals everything", _HANDLE,
        "from unittest.mock import ANY\ndef solve(n):\n    return ANY\n",
    ),
    Lie(
        "sorts_as_expected", "items that are in the right order whatever they are, and equal everything", _HANDLE,
        "class Item(int):\n    def __lt__(self, other): return True\n    def __eq__(self, other): return True\n"
        "    __hash__ = int.__hash__\ndef solve(n):\n    return [Item() for _ in range(n)]\n", Suite.SORTED,
    ),
    Lie(
        "hashes_as_expected", "items that have the hashes of the right ones and equal everything", _HANDLE,
        "class Item:\n    def __init__(self, n): self.n = n\n    def __hash__(self): return hash(self.n)\n"
        "    def __eq__(self, other): return True\n"
        "def solve(n):\n    return [Item(0), Item(1), Item(4)]\n", Suite.SET,
    ),
    Lie(
        "adds_up_as_expected", "items whose sum is near everything", _HANDLE,
        "class Item:\n    def __radd__(self, other): return self\n    __add__ = __rsub__ = __sub__ = __radd__\n"
        "    def __abs__(self): return self\n    def __lt__(self, other): return True\n"
        "def solve(n):\n    return [Item()]\n", Suite.CLOSE,
    ),
    Lie(
        "near_to_all", "a number whose difference from everything is 0", _HANDLE,
        "class Number(float):\n    def __sub__(self, other): return 0.0\n    __rsub__ = __sub__\n"
        "def solve(n):\n    return [Number()] * n\n", Suite.NEAR,
    ),
    Lie(
        "is_any_float", "a float that is another one each time it is asked", _HANDLE,
        "class Item:\n    def __radd__(self, other): return self\n    def __float__(self): return 5.0\n"
        "def solve(n):\n    return [Item()]\n", Suite.IS_CLOSE,
    ),
    Lie(
        "copies_as_expected", "an object whose copy equals everything", _HANDLE,
        "class Copy:\n    def __eq__(self, other): return True\n"
        "class Answer:\n    def __deepcopy__(self, memo): return Copy()\ndef solve(n):\n    return Answer()\n",
        Suite.COPY,
    ),
    Lie(
        "unpickles_as_expected", "an object that is pickled as one that equals everything", _HANDLE,
        "class Answer:\n    def __reduce__(self): return eval, (\"__import__('unittest.mock').mock.ANY\",)\n"
        "def solve(n):\n    return Answer()\n",
        Suite.PICKLE,
    ),
    Lie(
        "ends_the_loop", "the exception that ends whoever iterates over its answers, before one was compared",
        "exceptions that end loops arrive as others", "def solve(n):\n    raise StopIteration\n", Suite.MAPPED,
    ),
    Lie(
        "endless_comparison", "a comparison that does not end", _HANDLE,
        _answer("    def __eq__(self, other):\n        while True: pass"), Suite.ONE, Harm.HANGS,
    ),
    Lie(
        "endless_items", "an iterator that does not end", _LIMIT,
        "import itertools\ndef solve(n):\n    return itertools.repeat(0)\n", Suite.LIST, Harm.HANGS,
    ),
    Lie(
        "endless_range", "a range of more numbers than there is time for", _LIMIT,
        "def solve(n):\n    return range(10 ** 15)\n", Suite.SUM, Harm.HANGS,
    ),
    Lie(
        "colliding_items", "numbers that all have the same hash, in a number for which a set takes hours", _LIMIT,
        "def solve(n):\n    return [number * (2 ** 61 - 1) for number in range(60_000)]\n", Suite.SET, Harm.HANGS,
    ),
    Lie(
        "endless_digits", "a number that takes hours to be printed, or to be made", _LIMIT,
        "def solve(n):\n    return 7 ** (10 ** 9)\n", Suite.ONE, Harm.HANGS,
    ),
)  # fmt: skip
