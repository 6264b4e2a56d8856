"""Lies that end the process with status 0 before, in or after the tests."""

from __future__ import annotations

from tests.hostile.lies.lie import Lie, Suite

_REPORT = "only a report of the suite's, which is elsewhere, that a test ended well is a pass; an exit is a failure"

EXITS = (
    Lie("exit_when_loaded", "sys.exit(0) at its top", _REPORT, "import sys\nsys.exit(0)\n"),
    Lie("exit_when_called", "sys.exit(0) in the function", _REPORT, "import sys\ndef solve(n):\n    sys.exit(0)\n"),
    Lie("raise_system_exit", "SystemExit without a word", _REPORT, "def solve(n):\n    raise SystemExit\n"),
    Lie("quit_the_shell", "the function that ends a shell", _REPORT, "def solve(n):\n    quit()\n"),
    Lie("end_when_loaded", "os._exit(0) at its top", _REPORT, "import os\nos._exit(0)\n"),
    Lie("end_when_called", "os._exit(0) in the function", _REPORT, "import os\ndef solve(n):\n    os._exit(0)\n"),
    Lie(
        "end_by_c", "the C library's _exit", _REPORT,
        "import ctypes\ndef solve(n):\n    ctypes.CDLL(None)._exit(0)\n",
    ),
    Lie(
        "end_in_thread", "os._exit(0) in another thread", _REPORT,
        "import os, threading\ndef solve(n):\n"
        "    thread = threading.Thread(target=os._exit, args=(0,))\n    thread.start()\n    thread.join()\n",
    ),
    Lie(
        "end_at_exit", "a function for the interpreter's end, which then has status 0", _REPORT,
        "import atexit, os\natexit.register(os._exit, 0)\ndef solve(n):\n    return []\n",
    ),
    Lie(
        "end_when_forgotten", "a finalizer for the interpreter's end", _REPORT,
        "import os, weakref\nclass Kept: pass\nkept = Kept()\nweakref.finalize(kept, os._exit, 0)\n"
        "def solve(n):\n    return []\n",
    ),
    Lie(
        "end_in_destructor", "a destructor of what the suite throws away", _REPORT,
        "import os\nclass Answer:\n    def __del__(self):\n        os._exit(0)\ndef solve(n):\n    return Answer()\n",
    ),
    Lie(
        "end_instead_of_traceback", "a hook for uncaught exceptions", _REPORT,
        "import os, sys\nsys.excepthook = lambda *_: os._exit(0)\ndef solve(n):\n    return []\n",
    ),
    Lie(
        "end_in_trace", "a trace function, which is called before the next statement of whoever runs", _REPORT,
        "import os, sys\ndef solve(n):\n    return []\nsys.settrace(lambda *_: os._exit(0))\n",
    ),
    Lie(
        "end_in_profile", "a profile function, which is called at the next call of whoever runs", _REPORT,
        "import os, sys\ndef solve(n):\n    return []\nsys.setprofile(lambda *_: os._exit(0))\n",
    ),
    Lie(
        "end_by_signal", "a signal to itself, handled by ending well", _REPORT,
        "import os, signal\nsignal.signal(signal.SIGTERM, lambda *_: os._exit(0))\n"
        "def solve(n):\n    signal.raise_signal(signal.SIGTERM)\n",
    ),
    Lie(
        "end_by_timer", "a timer that ends well while the answer is waited for", _REPORT,
        "import os, signal, time\nsignal.signal(signal.SIGALRM, lambda *_: os._exit(0))\n"
        "def solve(n):\n    signal.setitimer(signal.ITIMER_REAL, 0.02)\n    time.sleep(5)\n",
    ),
    Lie(
        "end_in_audit", "an audit hook, which is called when the tests are compiled or run", _REPORT,
        "import os, sys\ndef solve(n):\n    return []\nsys.addaudithook(lambda *_: os._exit(0))\n",
    ),
    Lie(
        "become_true", "another program in its place, one that always ends well", _REPORT,
        "import os\ndef solve(n):\n    os.execvp('true', ['true'])\n",
    ),
    Lie(
        "leave_it_to_a_child", "a fork: the first process ends well, the tests go on elsewhere", _REPORT,
        "import os\nif os.fork():\n    os._exit(0)\ndef solve(n):\n    return []\n",
    ),
    Lie(
        "end_in_comparison", "a comparison that ends well", _REPORT,
        "import os\nclass Answer:\n    def __eq__(self, other):\n        os._exit(0)\n"
        "def solve(n):\n    return Answer()\n",
    ),
    Lie(
        "end_in_iteration", "an iteration that ends well", _REPORT,
        "import os\nclass Answer:\n    def __iter__(self):\n        os._exit(0)\ndef solve(n):\n    return Answer()\n",
        Suite.LIST,
    ),
    Lie(
        "end_in_length", "a length that ends well", _REPORT,
        "import os\nclass Answer:\n    def __len__(self):\n        os._exit(0)\ndef solve(n):\n    return Answer()\n",
        Suite.LENGTH,
    ),
    Lie(
        "end_in_text", "a text that ends well", _REPORT,
        "import os\nclass Answer:\n    def __repr__(self):\n        os._exit(0)\ndef solve(n):\n    return Answer()\n",
        Suite.TEXT,
    ),
    Lie(
        "end_in_unpickling", "what is unpickled ends well", "objects of the program's cannot be pickled elsewhere",
        "import os\nclass Answer:\n    def __reduce__(self):\n        return os._exit, (0,)\n"
        "def solve(n):\n    return Answer()\n",
        Suite.PICKLE,
    ),
    Lie(
        "end_after_forged_reports", "reports of passed tests on every descriptor, then a good end",
        "the suite's reports go over a socket that the program does not have",
        "import os, struct\n"
        "def frame(letter, text):\n    return struct.pack('>IB', len(text), ord(letter)) + text\n"
        "told = b'{\"name\": \"test 1\", \"outcome\": \"PASSED\", \"message\": \"\", \"lost\": false, \"wall\": 0.0}'\n"
        "told2 = told.replace(b'test 1', b'test 2')\n"
        "def solve(n):\n    for number in range(1, 64):\n        try:\n"
        "            os.write(number, frame('E', told) + frame('E', told2) + frame('D', b'{}'))\n"
        "        except OSError:\n            pass\n    os._exit(0)\n",
    ),
    Lie(
        "end_after_forged_answers", "answers to questions that were not asked, then a good end",
        "an answer is a value and no more: the suite compares it with what it expects",
        "import os, struct\n"
        "answer = b'u\\x04s\\x01vtns\\x00'\n"
        "def solve(n):\n    for number in range(1, 64):\n        try:\n"
        "            os.write(number, (struct.pack('>IB', len(answer), ord('V')) + answer) * 9)\n"
        "        except OSError:\n            pass\n    os._exit(0)\n",
    ),
    Lie(
        "end_after_changing_the_harness", "the harness around it, told that every comparison is true; then a good end",
        "what is around the program decides nothing",
        "import os\ntry:\n"
        "    from assay_sandbox.harness import candidate, encoding, link, reports\n"
        "    reports.Reports.end = lambda self, name, *_: None\n"
        "    link.Link.ask = lambda *_: [0, 1, 4]\n"
        "    candidate.encode = encoding.encode\n"
        "except ImportError:\n    pass\ndef solve(n):\n    os._exit(0)\n",
    ),
)  # fmt: skip
