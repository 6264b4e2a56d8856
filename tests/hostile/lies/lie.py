"""What a lie is, and the tests that it wants to pass."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

HONEST = "def solve(n):\n    return [i * i for i in range(n)]\n"


class Suite(Enum):
    """The asserts of a suite; each needs a correct ``solve``."""

    PLAIN = "assert solve(3) == [0, 1, 4]\nassert solve(4) == [0, 1, 4, 9]\n"
    ONE = "assert solve(3) == [0, 1, 4]\n"
    REFLECTED = "assert [0, 1, 4] == solve(3)\nassert [0, 1, 4, 9] == solve(4)\n"
    NOT_DIFFERENT = "assert not solve(3) != [0, 1, 4]\n"
    MEMBER = "assert solve(3) in ([0, 1, 4], [4, 1, 0])\n"
    ITEM = "assert solve(3)[2] == 4\nassert solve(4)[3] == 9\n"
    LIST = "assert list(solve(3)) == [0, 1, 4]\n"
    SET = "assert set(solve(3)) == {0, 1, 4}\n"
    SORTED = "assert sorted(solve(3)) == [0, 1, 4]\n"
    LENGTH = "assert len(solve(3)) == 3\n"
    SUM = "assert sum(solve(3)) == 5\n"
    ALL = "assert all(one == other for one, other in zip(solve(3), [0, 1, 4], strict=True))\n"
    MAPPED = "assert all(map(lambda n: solve(n) == [i * i for i in range(n)], [3, 4]))\n"
    CLOSE = "assert abs(sum(solve(3)) - 5.0) < 1e-9\n"
    NEAR = "assert abs(solve(3)[2] - 4.0) < 1e-9\n"
    IS_CLOSE = "import math\nassert math.isclose(sum(solve(3)), 5.0)\n"
    INSTANCE = "assert isinstance(solve(3), list) and solve(3) == [0, 1, 4]\n"
    JSON = "import json\nassert json.dumps(solve(3)) == '[0, 1, 4]'\n"
    COPY = "import copy\nassert copy.deepcopy(solve(3)) == [0, 1, 4]\n"
    PICKLE = "import pickle\nassert pickle.loads(pickle.dumps(solve(3))) == [0, 1, 4]\n"
    OPERATOR = "import operator\nassert operator.eq(solve(3), [0, 1, 4])\n"
    COUNTER = "import collections\nassert collections.Counter(solve(3)) == collections.Counter([0, 1, 4])\n"
    UNITTEST = "import unittest\nunittest.TestCase().assertEqual(solve(3), [0, 1, 4])\nassert solve(4)\n"
    TEXT = "assert str(solve(3)) == '[0, 1, 4]'\n"
    REGEX = "import re\nassert re.fullmatch(r'\\[0, 1, 4\\]', repr(solve(3)))\n"


class Harm(Enum):
    """What a lie does to those who believe it."""

    PASSES = "passes"
    HANGS = "hangs"


@dataclass(frozen=True, slots=True)
class Lie:
    """A wrong program.

    Attributes:
        tries: how it wants to be taken for a right one.
        stopped_by: why that does not work.
        suite: the asserts that it lies to.
    """

    name: str
    tries: str
    stopped_by: str
    source: str
    suite: Suite = Suite.PLAIN
    harm: Harm = Harm.PASSES
