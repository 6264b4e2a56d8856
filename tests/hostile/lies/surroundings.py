"""Lies that change, or read, what the tests are and what they are run with."""

from __future__ import annotations

from tests.hostile.lies.lie import Harm, Lie, Suite

_OWN = "the suite has an interpreter of its own: what the program changes in its own does not matter"
_APART = "tests and expected values are in no memory, file or argument that the program can read"
_LIMIT = "CPU and wall time, measured from outside"
_EMPTY = "def solve(n):\n    return []\n"
_READ = (
    "import ast\ndef learn(text):\n    known = {}\n    for node in ast.walk(ast.parse(text)):\n"
    "        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Call):\n"
    "            known[node.left.args[0].value] = ast.literal_eval(node.comparators[0])\n    return known\n"
)


def _patched(what: str, value: str) -> str:
    """A program that has a function of the library return the same whatever it is asked."""
    return f"import {what.partition('.')[0]}\n{what} = lambda *_: {value}\n{_EMPTY}"


SURROUNDINGS = (
    Lie(
        "no_tests_are_run", "exec replaced, so that what comes after the program is not run", _OWN,
        "import builtins\nbuiltins.exec = lambda *_: None\n" + _EMPTY,
    ),
    Lie(
        "other_tests_are_run", "the tests in the arguments replaced", _APART,
        "import sys\nsys.argv[2:] = ['']\n" + _EMPTY,
    ),
    Lie(
        "builtins_of_its_own", "other builtins in the names that the tests share", _OWN,
        "import builtins\n__builtins__ = {**vars(builtins), 'sorted': lambda _: [0, 1, 4]}\n" + _EMPTY, Suite.SORTED,
    ),
    Lie(
        "name_in_place_of_builtin", "its own `sorted` beside its function", _OWN,
        "def sorted(_):\n    return [0, 1, 4]\n" + _EMPTY, Suite.SORTED,
    ),
    *(
        Lie(f"patched_{what.rpartition('.')[2]}", what, _OWN, _patched(what, value), suite)
        for what, value, suite in (
            ("builtins.sorted", "[0, 1, 4]", Suite.SORTED),
            ("builtins.len", "3", Suite.LENGTH),
            ("builtins.sum", "5", Suite.SUM),
            ("builtins.all", "True", Suite.ALL),
            ("builtins.abs", "0", Suite.CLOSE),
            ("builtins.list", "[0, 1, 4]", Suite.LIST),
            ("builtins.set", "{0, 1, 4}", Suite.SET),
            ("builtins.str", "'[0, 1, 4]'", Suite.TEXT),
            ("json.dumps", "'[0, 1, 4]'", Suite.JSON),
            ("copy.deepcopy", "[0, 1, 4]", Suite.COPY),
            ("pickle.loads", "[0, 1, 4]", Suite.PICKLE),
            ("math.isclose", "True", Suite.IS_CLOSE),
            ("operator.eq", "True", Suite.OPERATOR),
            ("re.fullmatch", "True", Suite.REGEX),
            ("collections.Counter", "0", Suite.COUNTER),
        )
    ),
    Lie(
        "patched_unittest", "unittest's assertEqual", _OWN,
        "import unittest\nunittest.TestCase.assertEqual = lambda *_: None\ndef solve(n):\n    return n - 4 or [1]\n",
        Suite.UNITTEST,
    ),
    Lie(
        "poisoned_module", "another module under the name of one that the tests import", _OWN,
        "import sys, types\nfake = types.ModuleType('math')\nfake.isclose = lambda *_: True\n"
        "sys.modules['math'] = fake\n" + _EMPTY, Suite.IS_CLOSE,
    ),
    Lie(
        "poisoned_import", "the import statement itself", _OWN,
        "import builtins, types\nbuiltins.__import__ = lambda *_, **__: types.SimpleNamespace(isclose=lambda *_: 1)\n"
        + _EMPTY, Suite.IS_CLOSE,
    ),
    Lie(
        "module_on_disk", "a file with the name of a module that the tests import", _OWN,
        "import os, sys\nwith open('operator.py', 'w') as file:\n    file.write('eq = lambda *_: True')\n"
        "sys.modules.pop('operator', None)\nsys.path.insert(0, os.getcwd())\n" + _EMPTY, Suite.OPERATOR,
    ),
    Lie(
        "reads_arguments", "the tests in the arguments of the process", _APART,
        _READ + "import sys\ndef solve(n):\n    return learn(sys.argv[2])[n]\n",
    ),
    Lie(
        "reads_command_line", "the tests in the command line, as the system tells it", _APART,
        _READ + "def solve(n):\n    line = open('/proc/self/cmdline').read().split('\\0')\n"
        "    return learn(line[-2])[n]\n",
    ),
    Lie(
        "reads_constants_of_caller", "the constants of the function that calls it", _APART,
        "import sys\ndef solve(n):\n    frame = sys._getframe(1)\n    while frame:\n"
        "        for value in frame.f_code.co_consts:\n"
        "            if type(value) is tuple and len(value) == n and value[:3] == (0, 1, 4)[:n]:\n"
        "                return list(value)\n        frame = frame.f_back\n",
    ),
    Lie(
        "reads_names_of_caller", "the variables of those that call it", _APART,
        _READ + "import sys\ndef solve(n):\n    frame = sys._getframe(1)\n    while frame:\n"
        "        for value in [*frame.f_globals.values(), *frame.f_locals.values()]:\n"
        "            argv = getattr(value, 'argv', [])\n            if len(argv) > 2:\n"
        "                return learn(argv[2])[n]\n        frame = frame.f_back\n",
    ),
    Lie(
        "reads_all_objects", "everything that the garbage collector knows", _APART,
        _READ + "import gc\nmark = 'so' + 'lve('\ndef solve(n):\n    for found in gc.get_objects():\n"
        "        if type(found) is list:\n            for text in found:\n"
        "                if type(text) is str and text.startswith('assert ' + mark):\n"
        "                    return learn(text)[n]\n",
    ),
    Lie(
        "endless_loop", "a loop that nothing ends", _LIMIT,
        "def solve(n):\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass\n", Suite.ONE, Harm.HANGS,
    ),
    Lie(
        "endless_match", "a loop inside a library that listens to no signal", _LIMIT,
        "import re\ndef solve(n):\n    return re.match(r'(a+)+$', 'a' * 60 + 'b')\n", Suite.ONE, Harm.HANGS,
    ),
    Lie(
        "endless_sleep", "a sleep", _LIMIT,
        "import time\ndef solve(n):\n    time.sleep(10 ** 6)\n", Suite.ONE, Harm.HANGS,
    ),
    Lie(
        "endless_wait", "a lock that it holds itself", _LIMIT,
        "import threading\ndef solve(n):\n    lock = threading.Lock()\n    lock.acquire()\n    lock.acquire()\n",
        Suite.ONE, Harm.HANGS,
    ),
    Lie(
        "endless_compilation", "a text that takes the compiler forever", _LIMIT,
        "def solve(n):\n    for _ in range(1000):\n        compile('[' + '[],' * 1_000_000 + ']', 'x', 'exec')\n",
        Suite.ONE, Harm.HANGS,
    ),
    Lie("endless_loading", "a loop before the function is there", _LIMIT, "while True: pass\n", Suite.ONE, Harm.HANGS),
)  # fmt: skip
