"""Function-call checks per second on one core: `tools/function-call` on calls in several forms.

    python benchmarks/function_calls.py [--seconds 1]

Each check reads the reference with its declarations, finds the call, compares it and makes the evidence; nothing is
kept between checks. The figure is the best of ten repeats, in microseconds of CPU time a check.
"""

from __future__ import annotations

import argparse
import json
import time
import timeit

from assay.sdk import Json, Sample
from assay_server.rewards.tools_function_call import function_call

TOOLS: list[Json] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "days": {"type": "integer", "default": 1},
                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                },
                "required": ["city"],
            },
        },
    }
    for name in ("get_weather", "get_forecast", "get_history")
]
CALL: dict[str, Json] = {"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}
RESPONSES = {
    "json": json.dumps(CALL),
    "tag": f"<tool_call>\n{json.dumps(CALL)}\n</tool_call>",
    "python": '[get_weather(city="Paris", days=3)]',
    "within prose": 'I shall call get_weather(city="Paris", days=3) now.',
    "wrong argument": '[get_weather(city="Rome", days=3)]',
    "no call": "There is no call to be made here.",
}
REPEATS = 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each form")
    seconds: float = parser.parse_args().seconds
    for name, response in RESPONSES.items():
        sample = Sample("r", response, {"calls": [CALL], "tools": TOOLS})
        timer = timeit.Timer(lambda sample=sample: function_call.function(sample), timer=time.process_time)
        number = max(1, round(seconds / REPEATS / (timer.timeit(200) / 200)))
        best = min(timer.repeat(REPEATS, number)) / number
        print(f"{name:16} {best * 1e6:8.1f} us a check, {1 / best:10,.0f} checks/s")


if __name__ == "__main__":
    main()
