"""What a suite can do with a program in another process, and what the program cannot make of it."""

from __future__ import annotations

import operator
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from assay_sandbox.harness.handles import Handle
from assay_sandbox.harness.link import CandidateLost, Link
from assay_sandbox.harness.plain import Caps

_RUN = """
import socket, sys
from assay_sandbox.harness.candidate import serve
serve(sys.stdin.buffer.read(), [socket.socket(fileno=int(sys.argv[1]))])
"""

Function = Callable[..., object]


@contextmanager
def attached(source: str, link: Link) -> Generator[None]:
    """The program as the link's candidate."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", _RUN, str(theirs.fileno())],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
            env={"PYTHONPATH": str(Path(__file__).parents[2] / "sandboxes")},
        )  # fmt: skip
        theirs.close()
        assert process.stdin is not None
        process.stdin.write(source.encode())
        process.stdin.close()
        try:
            link.attach(ours.dup().detach())
            yield
        finally:
            process.kill()
            process.wait()


@contextmanager
def candidate(source: str, caps: Caps | None = None) -> Generator[Link]:
    link = Link(caps or Caps())
    with attached(source, link):
        yield link


def function(link: Link, name: str = "f") -> Function:
    return cast("Function", link.named(name))


def test_calls_take_and_return_plain_data():
    with candidate("def f(*args, **named):\n    return args, named") as link:
        assert function(link)(1, [2.5, None], key={"a": {1, 2}}) == ((1, [2.5, None]), {"key": {"a": {1, 2}}})


def test_changed_arguments_are_changed_in_place():
    source = "def f(items, table, group, array):\n    items[0].sort()\n    items.append(9)\n    table['x'] = 1\n"
    source += "    del table['y']\n    group.add(3)\n    array[0] = 5"
    inner, table, group, array = [3, 1, 2], {"y": 0, "z": [1]}, {1}, np.zeros(2)
    items: list[object] = [inner]
    kept = table["z"]
    with candidate(source) as link:
        assert function(link)(items, table, group, array) is None
    assert items == [[1, 2, 3], 9]
    assert table == {"z": [1], "x": 1}
    assert table["z"] is kept
    assert group == {1, 3}
    assert array.tolist() == [5, 0]


def test_nested_arguments_keep_their_identity():
    inner = [3, 1, 2]
    with candidate("def f(items):\n    items[0].sort()") as link:
        function(link)([inner])
    assert inner == [1, 2, 3]


OBJECTS = """
class Point:
    def __init__(self, x, y=0): self.x, self.y = x, y
    def __eq__(self, other): return isinstance(other, Point) and (self.x, self.y) == (other.x, other.y)
    def __lt__(self, other): return self.x < other.x
    def __add__(self, other): return Point(self.x + other.x, self.y + other.y)
    def __len__(self): return 2
    def __iter__(self): yield from (self.x, self.y)
    def __getitem__(self, place): return (self.x, self.y)[place]
    def __setitem__(self, place, value): self.x = value
    def __repr__(self): return f"Point({self.x}, {self.y})"
    def __enter__(self): return self
    def __exit__(self, *_): self.x = "left"; return True
    def moved(self, by): return Point(self.x + by, self.y)
def same(point): return point
def numbers():
    n = 0
    while True:
        yield n
        n += 1
async def later(n): return n + 1
LIMIT = 3
"""


def test_objects_stay_and_their_operations_return_data():
    with candidate(OBJECTS) as link:
        make = function(link, "Point")
        point = cast("Handle", make(1, y=2))
        assert type(point) is Handle
        moved = cast("Handle", cast("Function", point.moved)(3))
        assert (point.x, moved.x, len(point), list(point), point[1]) == (1, 4, 2, [1, 2], 2)
        assert str(point) == "Point(1, 2)"
        assert point == make(1, 2)
        assert point != make(2, 2)
        assert point < cast("Handle", make(5))
        assert cast("Handle", cast("Function", operator.add)(point, make(1, 1))).x == 2
        assert isinstance(point, make)  # pyright: ignore[reportArgumentType] - a handle of a class
        assert not isinstance(3, make)  # pyright: ignore[reportArgumentType] - a handle of a class
        assert function(link, "same")(point) is point
        point.x = 7
        point[0] = 8
        assert point.x == 8
        assert link.named("LIMIT") == 3


def test_leaving_a_context_of_the_candidates_swallows_nothing():
    with candidate(OBJECTS) as link:
        point = cast("Handle", function(link, "Point")(1))
        with pytest.raises(AssertionError), point:
            raise AssertionError
        assert point.x == "left"


def test_iteration_is_lazy():
    with candidate(OBJECTS) as link:
        numbers = iter(cast("Handle", function(link, "numbers")()))
        assert [next(numbers) for _ in range(5)] == [0, 1, 2, 3, 4]
        assert next(cast("Handle", function(link, "numbers")())) == 0


LIAR = """
class Yes(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __lt__ = __gt__ = __le__ = __ge__ = __eq__
    def __hash__(self): return hash(1)
    def __bool__(self): return True
    def __sub__(self, other): return 0
    __rsub__ = __abs__ = __float__ = __index__ = __sub__
class Items(list):
    def __eq__(self, other): return True
def f(kind=Yes): return kind()
def items(): return Items([1])
"""


def test_a_handle_never_equals_data_nor_is_it_true():
    with candidate(LIAR) as link:
        lie = function(link)()
        assert type(lie) is Handle
        assert not lie == 1  # noqa: SIM201 - the other operator is another method
        assert lie != 1
        assert lie not in [1, 2, 3]
        assert lie not in {1: 2}
        assert [lie] != [1]
        assert not np.array_equal(np.array([1]), cast("list[int]", [lie]))
        assert lie != 1
        assert function(link, "items")() != [1]
        refused: list[tuple[Function, object, object]] = [
            (operator.lt, lie, 1), (operator.gt, 1, lie), (operator.sub, lie, 1), (operator.sub, 1, lie),
            (operator.add, lie, 1), (operator.mul, 2, lie), (operator.getitem, [1], lie), (round, lie, 2),
        ]  # fmt: skip
        for operation, left, right in refused:
            with pytest.raises(TypeError):
                operation(left, right)
        for of_one in cast("list[Function]", [bool, operator.not_, float, int, abs, operator.index]):
            with pytest.raises(TypeError):
                of_one(lie)


def test_exceptions_cross_as_built_in_classes():
    source = "class Own(KeyError): pass\nclass Chain(Own): pass\n"
    source += "def f(error): raise {'v': ValueError('no'), 'o': Own('x'), 'c': Chain('y'), 's': StopIteration(),\n"
    source += "    'e': SystemExit(0), 'k': KeyboardInterrupt(), 'u': UnicodeDecodeError('a', b'', 0, 1, 'r')}[error]\n"
    with candidate(source) as link:
        for name, kind in {
            "v": ValueError,
            "o": KeyError,
            "s": RuntimeError,
            "e": SystemExit,
            "k": RuntimeError,
        }.items():
            with pytest.raises(kind) as raised:
                function(link)(name)
            assert type(raised.value) is kind
        with pytest.raises(RuntimeError, match="UnicodeDecodeError"):
            function(link)("u")
        own = cast("type[Exception]", link.named("Own"))
        assert issubclass(own, KeyError)
        with pytest.raises(own, match="y"):
            function(link)("c")


def test_functions_of_the_suite_can_be_passed():
    seen: list[object] = []

    def key(item: int) -> int:
        seen.append(item)
        return -item

    def never(text: str) -> int:
        raise TypeError(f"never {text}")

    with candidate("def f(items, key): return sorted(items, key=key)\ndef g(kind): return kind('3')") as link:
        assert function(link)([1, 3, 2], key) == [3, 2, 1]
        assert seen == [1, 3, 2]
        assert function(link, "g")(int) == 3
        with pytest.raises(TypeError, match="never"):
            function(link, "g")(never)
        with pytest.raises(TypeError, match="cannot send"):
            function(link, "g")(object())


def test_what_the_program_prints_is_printed_here(capsys: pytest.CaptureFixture[str]):
    with candidate("print('loading')\ndef f(): print('hello', 1)") as link:
        capsys.readouterr()
        function(link)()
        assert capsys.readouterr().out == "hello 1\n"


@pytest.mark.parametrize(
    "body",
    [
        "import os; os._exit(0)",
        "return [0] * 100",
        "return 10 ** 50",
        "x = []; x.append(x); return x",
        "items.append(items)",
        "import os; os.write(int(__import__('sys').argv[1]), b'rubbish' * 9)",
        "import os; os.write(int(__import__('sys').argv[1]), b'\\0\\0\\0\\2VnXX')",
    ],
)
def test_who_breaks_a_cap_or_the_protocol_has_failed(body: str):
    with candidate(f"def f(items): {body}\ndef g(): return 1", Caps(items=80, digits=20)) as link:
        link.begin()
        with pytest.raises(BaseException) as raised:  # noqa: PT011 - it is no Exception, so that no suite catches it
            function(link)([1])
        assert type(raised.value) is CandidateLost or link.fault == ""
        assert link.fault or isinstance(raised.value, CandidateLost)


def test_the_next_candidate_takes_the_place_of_one_that_was_lost():
    source = "class Own(ValueError): pass\ndef f(n):\n    if n == 1: raise Own('one')\n    __import__('os')._exit(n)"
    with candidate(source) as link:
        own, call = cast("type[Exception]", link.named("Own")), function(link)
        with pytest.raises(CandidateLost):
            call(0)
        assert link.lost
        assert link.fault
        with attached(source, link):
            link.begin()
            with pytest.raises(own):
                call(1)
            assert not link.fault


def test_loading_tells_what_the_program_raised():
    with pytest.raises(SyntaxError), candidate("def f(: pass"):
        pass
    with pytest.raises(SystemExit), candidate("raise SystemExit(0)"):
        pass
    with pytest.raises(NameError), candidate("") as link:
        link.named("f")


def test_counters_and_their_like_compare_as_data():
    with candidate("from collections import Counter\ndef f(text): return Counter(text)") as link:
        assert function(link)("abca") == Counter("abca")
