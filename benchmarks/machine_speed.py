"""How fast this machine is at the moment: one number by which figures of different machines can be compared."""

from __future__ import annotations

from time import thread_time_ns

_STEPS = 200_000


def loop_step_ns() -> float:
    """CPU time of one step of a fixed loop of pure Python (a multiplication, an addition, a bitwise and), best of 9."""
    return min(_loop_ns() for _ in range(9)) / _STEPS


def _loop_ns() -> int:
    number, started = 0, thread_time_ns()
    for step in range(_STEPS):
        number = (number * 31 + step) & 0xFFFF
    return thread_time_ns() - started


def speed_line() -> str:
    """The number, to be printed with the figures."""
    return f"calibration: {loop_step_ns():.1f} ns a step of a fixed pure-Python loop (best of 9)"


if __name__ == "__main__":
    print(__doc__)
    print(speed_line())
