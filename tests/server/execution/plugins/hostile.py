"""A reward that does to its worker what the response says. Loaded as a plugin by the tests."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn, cast

import numpy as np

from assay.sdk import Evidence, Json, Lane, Sample, Score, SpanReward, Unscorable, Verdict, reward

FINE = Score(1.0, Verdict.CORRECT, Evidence(reason="ok", detail={"n": [1, None, "é"]}), answer_key="5")


def loop() -> NoReturn:
    while True:
        pass


def sleep() -> NoReturn:
    while True:
        time.sleep(1000)


def allocate() -> NoReturn:
    held: list[bytearray] = []
    while True:
        held.append(bytearray(10_000_000))


def allocate_at_once() -> object:
    return len(bytearray(1 << 40))


def exit_now() -> None:
    os._exit(0)


def exit_with_three() -> None:
    os._exit(3)


def system_exit() -> None:
    sys.exit("good bye")


def raises() -> None:
    raise ValueError("text of an exception")


def unscorable() -> None:
    raise Unscorable("REFERENCE_MISSING", "nothing to compare with", field="reference_json")


def unscorable_with_odd_reason() -> None:
    raise Unscorable(cast("str", 7), cast("str", object()))


def recursion() -> object:
    return recursion()


def interrupted() -> None:
    raise KeyboardInterrupt


def wrong_type() -> object:
    return "one"


def nothing() -> object:
    return None


def not_a_number() -> object:
    return Score(float("nan"))


def above_bounds() -> object:
    return Score(1.5)


def component_not_finite() -> object:
    return Score(1.0, components={"a": float("inf")})


def value_of_no_type() -> object:
    return Score(cast("float", "1.0"))


def huge_text() -> object:
    return Score(1.0, evidence=Evidence(reason="x" * (64 << 20)))


def lone_surrogate() -> object:
    return Score(1.0, evidence=Evidence(reason="\ud800"))


def lone_surrogate_in_detail() -> object:
    return Score(1.0, evidence=Evidence(detail={"a": ["\udfff"]}))


def detail_not_finite() -> object:
    return Score(1.0, evidence=Evidence(detail={"a": float("nan")}))


def detail_of_objects() -> object:
    return Score(1.0, evidence=Evidence(detail={"a": cast("str", object())}))


def deep_detail() -> object:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    return Score(1.0, evidence=Evidence(detail={"a": cast("str", deep)}))


def far_position() -> object:
    return Score(1.0, evidence=Evidence(start=1 << 40))


def odd_span() -> object:
    return Score(1.0, spans=(SpanReward(cast("int", "a"), 0, 1, "x", 1.0),))


def odd_verdict() -> object:
    return Score(1.0, verdict=cast("Verdict", "CORRECT"))


def child() -> object:
    if os.fork() == 0:
        time.sleep(1000)
        os._exit(0)
    return FINE


def daemon() -> object:
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
        os._exit(0)
    return FINE


def daemon_then_loop() -> object:
    daemon()
    return loop()


def daemon_then_exit() -> None:
    daemon()
    os._exit(1)


def thread() -> object:
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    return FINE


def big_power() -> object:
    return Score(float(7 ** (7**9) % 2))


def segmentation_fault() -> object:
    return ctypes.string_at(0)


def abort() -> None:
    os.abort()


def close_descriptors() -> NoReturn:
    os.closerange(3, 1000)
    sleep()


def kill_parent() -> NoReturn:
    os.kill(os.getppid(), signal.SIGKILL)
    sleep()


def kill_parent_and_answer() -> object:
    os.kill(os.getppid(), signal.SIGKILL)
    return FINE


def brief() -> object:
    time.sleep(0.01)
    return FINE


def stop_parent() -> NoReturn:
    os.kill(os.getppid(), signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGKILL)
    sleep()


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def write_everywhere(data: bytes) -> None:
    for fd in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(fd, data)


def write_garbage() -> NoReturn:
    write_everywhere(b"\x05\x00\x00\x00hello" * 100)
    sleep()


def write_endless_frame() -> NoReturn:
    write_everywhere(b"\xff\xff\xff\x7f")
    sleep()


def forge_neighbours() -> NoReturn:
    for number in range(1000):
        body = json.dumps({"n": number, "s": None, "c": 0.0, "x": False, "o": {"value": 1.0}}).encode()
        write_everywhere(struct.pack("<I", len(body)) + body)
    sleep()


def ignore_signals() -> NoReturn:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    loop()


def late_alarm() -> object:
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    return FINE


def numpy_values() -> object:
    return Score(cast("float", np.float32(0.5)), components={"a": cast("float", np.int64(3))})


def work_past_the_slice() -> object:
    until = time.thread_time() + 0.2
    while time.thread_time() < until:
        pass
    return FINE


def fine() -> object:
    return FINE


BEHAVIOURS: dict[str, Callable[[], object]] = {
    name: value for name, value in globals().items() if callable(value) and getattr(value, "__module__", "") == __name__
}


@reward("hostile/does-v1", bounds=(0, 1), lane=Lane.CPU)
def does(sample: Sample) -> Score:
    """Does what the response names."""
    return cast("Score", BEHAVIOURS[sample.response]())


@reward("hostile/loops-v1", bounds=(0, 1), lane=Lane.CPU)
def loops(sample: Sample) -> Score:
    """Never ends."""
    del sample
    loop()


@reward("hostile/environment-v1", bounds=(0, 1), lane=Lane.CPU)
def environment(sample: Sample) -> Score:
    """Tells its environment and its descriptors."""
    del sample
    descriptors: list[Json] = [*sorted(os.listdir("/proc/self/fd"))]
    return Score(1.0, evidence=Evidence(detail={**os.environ, "fds": descriptors}))
