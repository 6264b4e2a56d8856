from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.sdk import Json, Sample, Score, Step, ToolCall, Unscorable, Verdict
from assay.v1 import rollout_pb2
from assay_server.pipeline.intake import sample_of
from assay_server.rewards.calls_literals import LiteralReader, UnreadableCall
from assay_server.rewards.tools_function_call import function_call

WEATHER: dict[str, Json] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "default": 1},
                "radius": {"type": "number"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                "hourly": {"type": "boolean"},
                "place": {
                    "type": "object",
                    "properties": {"lat": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}},
                },
            },
            "required": ["city"],
        },
    },
}
TIME: dict[str, Json] = {"name": "clock.now", "parameters": {"type": "object", "properties": {}}}
TOOLS: list[Json] = [WEATHER, TIME]
PARIS: dict[str, Json] = {"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}
NOW: dict[str, Json] = {"name": "clock.now", "arguments": {}}


def score(response: str, *calls: Json, tools: Json = TOOLS, credit: str = "all", ordered: bool = False) -> Score:
    sample = Sample("r", response, {"calls": [*calls], "tools": tools, "ordered": ordered})
    return function_call.function(sample, credit=credit)


def right(response: str, *calls: Json, tools: Json = TOOLS, ordered: bool = False) -> bool:
    judged = score(response, *calls, tools=tools, ordered=ordered)
    assert judged.value == float(judged.verdict is Verdict.CORRECT)
    return judged.verdict is Verdict.CORRECT


@pytest.mark.parametrize(
    "response",
    [
        '{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}',
        '[{"name": "get_weather", "parameters": {"days": 3, "city": "Paris"}}]',
        '{"function": {"name": "get_weather", "arguments": "{\\"city\\": \\"Paris\\", \\"days\\": 3}"}}',
        '{"tool_calls": [{"function": {"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}}]}',
        '{"get_weather": {"city": "Paris", "days": 3}}',
        "{'name': 'get_weather', 'arguments': {'city': 'Paris', 'days': 3}}",
        'I see.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}\n</tool_call>',
        '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}',
        '```json\n{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}\n```',
        'So:\n```python\nget_weather(city="Paris", days=3)\n```\nDone.',
        "```get_weather(city='Paris', days=3)```",
        'Sure: {"name": "get_weather", "arguments": {"city": "Paris", "days": 3}} it is.',
        '[get_weather(city="Paris", days=3)]',
        "get_weather(days=3, city='Paris')",
        "get_weather('Paris', 3)",
        "get_weather('Paris', days=3, unit=\"celsius\",)",
        'get_weather(city="Paris", days=3)\n\nThis gets the weather.',
        '{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}\n\nThis gets the weather.',
        '[thought] <tool_call>{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}</tool_call>',
        '[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}]',
        'I call [get_weather(city="Paris", days=3)] now.',
        "<think>get_weather(city='Rome')</think>get_weather(city='Paris', days=3)",
    ],
)
def test_forms_of_one_call(response: str) -> None:
    assert right(response, PARIS)
    assert not right(response, {"name": "get_weather", "arguments": {"city": "Rome", "days": 3}})
    assert not right(response, PARIS, NOW)
    assert not right(response)


@pytest.mark.parametrize(
    "response",
    [
        "get_weather(city='Paris')",
        "get_weather(city='paris', days=3)",
        "get_weather(city='Paris', days='3')",
        "get_weather(city='Paris', days=3.0)",
        "get_weather(city='Paris', days=True)",
        "get_weather(city='Paris', days=3, hourly=False)",
        "get_weather(city='Paris', days=3, wind=1)",
        "get_weather(city='Paris', days=3, unit='fahrenheit')",
        "get_weather(city='Paris', days=3, days=3)",
        "get_weather(city='Paris', days=1+2)",
        "get_weather(city='Paris', days=3), get_weather(city='Paris', days=3)",
        "[get_weather(city='Paris', days=3), hallucinated(a=1)]",
        "[get_weather(city='Paris', days=3), hallucinated(a=",
        "get_weather(city='Paris', days=3) and hallucinated(a=1)",
        '[{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}, {"name": "x", "argum',
        '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}</tool_call><tool_call>{',
        "weather(city='Paris', days=3)",
        '{"name": "get_weather", "arguments": {"city": "Rome", "city": "Paris", "days": 3}}',
        '{"name": "get_weather", "arguments": {"city": "Paris", "days": NaN}}',
        '{"name": "get_weather", "arguments": "city=Paris"}',
        "It is sunny in Paris.",
        "<think>get_weather(city='Paris', days=3)",
        "",
    ],
)
def test_what_is_not_the_call(response: str) -> None:
    assert not right(response, PARIS)


def test_types_defaults_and_nested_values() -> None:
    one: Json = {"name": "get_weather", "arguments": {"city": "Paris", "radius": 5, "days": 1}}
    assert right("get_weather(city='Paris', radius=5.0)", one)
    assert right("get_weather(city='Paris', radius=5, days=1, unit='celsius')", one)
    assert not right("get_weather(city='Paris', radius='5')", one)
    deep: Json = {"name": "get_weather", "arguments": {"city": "a", "place": {"lat": 1.0, "tags": ["x", "y"]}}}
    assert right("get_weather(city='a', place={'tags': ['x', 'y'], 'lat': 1})", deep)
    assert not right("get_weather(city='a', place={'tags': ['y', 'x'], 'lat': 1})", deep)
    assert not right("get_weather(city='a', place={'tags': ['x', 'y'], 'lat': 1, 'z': 0})", deep)
    assert not right("get_weather(city='a', place={'tags': ['x', 'y']})", deep)


def test_order_counts_only_where_declared() -> None:
    swapped = "[clock.now(), get_weather(city='Paris', days=3)]"
    assert right(swapped, PARIS, NOW)
    assert not right(swapped, PARIS, NOW, ordered=True)
    assert right(swapped, NOW, PARIS, ordered=True)
    lines = '{"name": "clock.now", "arguments": {}}\n' + json.dumps(PARIS)
    assert right(lines, PARIS, NOW)
    assert right(f"<tool_call>{json.dumps(NOW)}</tool_call>\n<tool_call>{json.dumps(PARIS)}</tool_call>", PARIS, NOW)


def test_alternatives_only_where_they_are_declared() -> None:
    listed: Json = {"name": "f", "arguments": {"a": ["x", "y"]}}
    assert not right("f(a='x')", listed, tools=None)
    assert right("f(a=['x', 'y'])", listed, tools=None)
    forms: list[Json] = [
        {"name": "f", "arguments": {}, "allowed": {"a": ["x", "y"]}},
        {"name": "f", "arguments": {"a": {"allowed": ["x", "y"]}}},
        {"f": {"a": ["x", "y"]}},
    ]
    for reference in forms:
        assert right("f(a='x')", reference, tools=None)
        assert right("f(a='y')", reference, tools=None)
        assert not right("f(a='z')", reference, tools=None)
        assert not right("f()", reference, tools=None)
    assert right("f()", {"f": {"a": ["x", ""]}}, tools=None)
    nested: Json = {"f": {"a": [{"k": ["u", "v"], "m": [1, ""]}], "b": [[{"k": ["w"]}]]}}
    assert right("f(a={'k': 'v'}, b=[{'k': 'w'}])", nested, tools=None)
    assert not right("f(a={'k': 'w'}, b=[{'k': 'w'}])", nested, tools=None)
    both: list[Json] = [{"f": {"a": [1, 2]}}, {"f": {"a": [1]}}]
    assert right("f(a=1), f(a=2)", *both, tools=None)
    assert not right("f(a=2), f(a=2)", *both, tools=None)


@pytest.mark.parametrize(
    "response",
    ["I cannot tell.", "None of the functions fits.", "", "The answer is f(3) = 9.", '{"answer": 3}', "[]",
     "<think>get_weather(city='Paris')? no.</think>There is no such function.", "[1] says so.",
     "Their get_weather function is of no use."],
)  # fmt: skip
def test_an_abstention(response: str) -> None:
    assert right(response)


@pytest.mark.parametrize(
    "response",
    ["get_weather(city=", "get_weather(city=paris)", "I cannot help. hallucinated(x=1)",
     '{"name": "get_weather", "arguments": {"city": ',
     '{"name": "unknown", "args": {', "<tool_call>", "<tool_call></tool_call>", "<tool_call>get_weather</tool_call>",
     '{"name": "get_weather", "arguments": 3}', "hallucinated(x=1)", "[hallucinated()]", "foo(bar=", "get_weather",
     "```json\n{\"name\": \"get_weather\", \"arguments\": {'city'}}\n```", "Action: get_weather\nAction Input: Paris",
     "<function=get_weather>{}</function>", "I do: get_weather(city=x)", '{"function": {"arguments": {}}}',
     "Sorry. ```bash\nget_weather(x)\n```", '{"tool_calls": 3}', "<think>no call", "get_weather{\"city\": \"Paris\"}"],
)  # fmt: skip
def test_an_attempt_is_no_abstention(response: str) -> None:
    assert not right(response)
    assert not right(response, PARIS)


def test_structured_calls_go_before_the_text() -> None:
    def judged(*calls: ToolCall) -> Verdict:
        step = Step(0, "Let me look.", tool_calls=calls)
        sample = Sample("r", "Let me look.", {"calls": [PARIS], "tools": TOOLS}, steps=(step,))
        return function_call.function(sample).verdict

    assert judged(ToolCall("get_weather", '{"city": "Paris", "days": 3}')) is Verdict.CORRECT
    assert judged(ToolCall("get_weather", '{"city": "Paris", "days": 3')) is Verdict.INCORRECT
    assert judged() is Verdict.INCORRECT


def test_calls_on_the_wire_are_seen_by_rewards() -> None:
    call = rollout_pb2.ToolCall(name="get_weather", arguments_json='{"city": "Paris", "days": 3}')
    message = rollout_pb2.ChatMessage(role="assistant", tool_calls=[call])
    steps = [
        rollout_pb2.Step(tool_calls=[call]),
        rollout_pb2.Step(action=rollout_pb2.Content(parts=[rollout_pb2.Part(tool_call=call)])),
        rollout_pb2.Step(action=rollout_pb2.Content(parts=[rollout_pb2.Part(message=message)])),
    ]
    for step in steps:
        sample = sample_of(rollout_pb2.Rollout(rollout_id="r", steps=[step]), {"calls": [PARIS], "tools": TOOLS}, {})
        assert function_call.function(sample).verdict is Verdict.CORRECT


def test_the_evidence_says_what_differs() -> None:
    judged = score("get_weather(city='Rome', days=3, wind=1), other()", PARIS, NOW)
    assert judged.evidence is not None
    assert judged.evidence.detail["diff"] == [
        'get_weather.city: expected "Paris", got "Rome"',
        "get_weather.wind: not declared, got 1",
        "clock.now: the call is missing",
        "other: no such function",
    ]


def test_partial_credit() -> None:
    assert score("get_weather(city='Paris', days=4)", PARIS, credit="partial").value == pytest.approx(2 / 3)
    assert score("get_weather(city='Paris', days=3)", PARIS, NOW, credit="partial").value == pytest.approx(1 / 2)
    assert score("clock.now()", PARIS, credit="partial").value == 0.0
    assert score("get_weather(city=", PARIS, credit="partial").value == 0.0
    assert score("clock.now(), get_weather('Paris', 3)", PARIS, NOW, credit="partial").value == 1.0


BAD: list[tuple[dict[str, Json], str]] = [
    ({}, "REFERENCE_MISSING"),
    ({"calls": "f()"}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [3]}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [{"arguments": {}}]}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [{"name": "f", "arguments": [1]}]}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [{"name": "f", "arguments": "{"}]}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [{"f": {"a": 1}}]}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [{"f": {"a": []}}]}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [], "tools": "f"}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [], "tools": [{"name": 3}]}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [], "tools": [{"name": "f", "parameters": {"properties": [1]}}]}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [], "ordered": 1}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [{"name": "unknown", "arguments": {}}], "tools": TOOLS}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [{"name": "get_weather", "arguments": {}}], "tools": TOOLS}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [{"name": "clock.now", "arguments": {"a": 1}}], "tools": TOOLS}, "REFERENCE_UNPARSEABLE"),
    ({"calls": [{"name": "get_weather", "arguments": {"city": 3}}], "tools": TOOLS}, "REFERENCE_UNPARSEABLE"),
]


@pytest.mark.parametrize(("reference", "reason"), BAD)
def test_a_bad_reference_is_no_verdict(reference: dict[str, Json], reason: str) -> None:
    with pytest.raises(Unscorable) as caught:
        function_call.function(Sample("r", "f()", reference))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "response",
    ["[" * 100_000, "{" * 100_000, '{"a":' * 50_000, "f(a=" + "[" * 100_000, "get_weather(" * 20_000, "```" * 30_000,
     "<tool_call>" * 20_000, "f(a='" + "\\" * 100_000, '"' * 100_000, "1" * 100_000, "f(a=" + "1" * 100_000 + ")",
     '{"name": "\\ud800", "arguments": {}}', '{"name": "get_weather", "arguments": {"days": 1e999}}',
     "{ " * 50_000, "<think>" * 5000],
)  # fmt: skip
def test_hostile_texts_are_wrong_and_nothing_worse(response: str) -> None:
    assert not right(response, PARIS)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), VALUES, max_size=4), st.randoms(use_true_random=False))
def test_a_call_equals_itself_in_json_and_in_python(arguments: dict[str, Json], order: random.Random) -> None:
    names = list(arguments)
    order.shuffle(names)
    python = f"f({', '.join(f'{name}={arguments[name]!r}' for name in names)})"
    expected: Json = {"name": "f", "arguments": arguments}
    assert right(python, expected, tools=None)
    assert right(json.dumps(expected), expected, tools=None)
    assert not right(python, {"name": "f", "arguments": {**arguments, "e": 0}}, tools=None)


@settings(max_examples=60)
@given(VALUES)
def test_literals_are_read_as_python_reads_them(whole: Json) -> None:
    assert LiteralReader(repr(whole)).literal() == whole


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('"""a"b""c"""', 'a"b""c'),
        ("'''it's ''x'' \\''''", "it's ''x'' '"),
        ("1_000_000", 1_000_000),
        ("2.5E-3", 2.5e-3),
    ],
)
def test_long_texts_and_numbers_are_read_to_their_ends(text: str, read: Json) -> None:
    """Older releases of CPython 3.11 go on at the wrong place after a group that they would not give back."""
    assert LiteralReader(f"f(a={text})").call().arguments == {"a": read}


SPACES = st.sampled_from(["", "", "", " ", "\n  ", "\\\n"])


@settings(max_examples=80)
@given(st.lists(st.tuples(st.sampled_from("abcd"), VALUES, SPACES, SPACES), max_size=4, unique_by=lambda one: one[0]))
def test_plain_arguments_are_read_as_all_others_are(given: list[tuple[str, Json, str, str]]) -> None:
    """In brackets of its own no argument is plain: what is read must be the same."""
    written = ",".join(f"{before}{name}{after}={before}{value!r}{after}" for name, value, before, after in given)
    bracketed = ",".join(f"{name}=({value!r})" for name, value, _, _ in given)
    assert LiteralReader(f"f({written})").call() == LiteralReader(f"f({bracketed})").call()


@pytest.mark.parametrize(
    "arguments",
    ["a=1, a=2", "a=1,, b=2", "a==1", "True=1", "a=1 2", "a='x' 'y'", "a=1, 2", "a=1]", 'a="""', 'a="x\ny"', "a=1_",
     "a=1e", "a=2E+", "a=1_2_", "a=3.4e-", "a=Truer", "a=1.2.3", "a=b"],
)  # fmt: skip
def test_what_is_nearly_plain_is_no_call(arguments: str) -> None:
    with pytest.raises(UnreadableCall):
        LiteralReader(f"f({arguments})").call()
