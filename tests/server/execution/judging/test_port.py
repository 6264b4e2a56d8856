"""The judge port over a real socket."""

from __future__ import annotations

import asyncio
import email.utils
import logging
import time

import pytest
import structlog
from pydantic import SecretStr

from assay_server.execution.judging import CatalogueJudge, Endpoint

from .chat_server import Asked, ChatServer, Reply, judging, refuses, says
from .questions import SCHEMA, question, refused


async def test_a_verdict_with_its_model_and_its_cost(server: ChatServer):
    async with judging(server.endpoint(max_tokens=99)) as judge:
        verdict = await judge.ask(question(temperature=0.5, seed=7))
    assert verdict.verdict == {"correct": True}
    assert (verdict.model, verdict.cached, verdict.prompt_tokens, verdict.completion_tokens) == (
        "judge-1",
        False,
        10,
        5,
    )
    (asked,) = server.asked
    assert asked.path == "/v1/chat/completions"
    assert {name: asked.body[name] for name in ("model", "temperature", "seed", "max_tokens")} == {
        "model": "judge-1",
        "temperature": 0.5,
        "seed": 7,
        "max_tokens": 99,
    }
    assert "authorization" not in asked.headers
    assert "response_format" not in asked.body


@pytest.mark.parametrize("kind", ["json_object", "json_schema"])
async def test_an_endpoint_may_be_asked_to_enforce_the_form(server: ChatServer, kind: str):
    async with judging(server.endpoint(response_format=kind)) as judge:
        await judge.ask(question())
    expected = {"type": kind} | ({"json_schema": {"name": "verdict", "schema": SCHEMA}} if "schema" in kind else {})
    assert server.asked[0].body["response_format"] == expected


async def test_repeats_are_answered_from_the_cache_and_say_so(server: ChatServer):
    async with judging(server.endpoint()) as judge:
        said = [await judge.ask(question()) for _ in range(5)]
        assert [verdict.cached for verdict in said] == [False, True, True, True, True]
        assert len(server.asked) == 1
        for other in (question("19"), question(instructions="Else"), question(temperature=1.0), question(seed=1)):
            assert not (await judge.ask(other)).cached
    assert len(server.asked) == 5


async def test_the_least_recently_used_verdict_leaves_first(server: ChatServer):
    async with judging(server.endpoint(cache_entries=2)) as judge:
        for response in ("a", "b", "a", "c", "a"):
            await judge.ask(question(response))
        assert len(server.asked) == 3
        assert not (await judge.ask(question("b"))).cached


async def test_equal_questions_at_the_same_time_are_one_request(server: ChatServer):
    async with judging(server.endpoint(cache_entries=0)) as judge:
        said = await asyncio.gather(*(judge.ask(question()) for _ in range(50)))
        assert len(server.asked) == 1
        assert sorted(verdict.cached for verdict in said) == [False] + [True] * 49
        assert not (await judge.ask(question())).cached


async def test_one_who_stops_waiting_does_not_take_the_verdict_from_the_others(server: ChatServer):
    release = server.holds()
    async with judging(server.endpoint()) as judge:
        first, second = (asyncio.create_task(judge.ask(question())) for _ in range(2))
        await server.until(lambda: server.under_way == 1)
        first.cancel()
        assert [type(gone) for gone in await asyncio.gather(first, return_exceptions=True)] == [asyncio.CancelledError]
        release.set()
        assert (await second).verdict == {"correct": True}
    assert len(server.asked) == 1


async def test_a_verdict_is_kept_though_who_asked_first_does_not_wait_for_it(server: ChatServer):
    release = server.holds()
    async with judging(server.endpoint()) as judge:
        first, second = (asyncio.create_task(judge.ask(question())) for _ in range(2))
        await server.until(lambda: server.under_way == 1)
        first.cancel()
        release.set()
        await asyncio.gather(first, second, return_exceptions=True)
        assert (await judge.ask(question())).cached
    assert len(server.asked) == 1


async def test_thousands_that_wait_for_one_place_are_refused_one_after_the_other(server: ChatServer):
    async with judging(server.endpoint(max_concurrent=1, budget={"calls": 1})) as judge:
        first = asyncio.create_task(judge.ask(question("first")))
        await server.until(lambda: server.under_way == 1)
        errors = await asyncio.gather(*(refused(judge, question(str(number))) for number in range(3000)))
        assert (await first).verdict == {"correct": True}
    assert {error.reason for error in errors} == {"JUDGE_BUDGET"}
    assert len(server.asked) == 1


async def test_those_who_left_the_queue_take_no_place(server: ChatServer):
    release = server.holds("first")
    async with judging(server.endpoint(max_concurrent=1)) as judge:
        first = asyncio.create_task(judge.ask(question("first")))
        await server.until(lambda: server.under_way == 1)
        gone, stays = (asyncio.create_task(judge.ask(question(text))) for text in ("gone", "stays"))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        release.set()
        for task in (first, stays):
            assert (await task).verdict == {"correct": True}
        assert (await judge.ask(question("last"))).verdict == {"correct": True}
    assert ["gone" in asked.user for asked in server.asked] == [False] * 3


async def test_one_who_leaves_while_the_endpoint_is_shut_frees_its_place(server: ChatServer):
    server.replies(refuses(503, retry_after="30"))
    async with judging(server.endpoint(max_concurrent=1, retries=1)) as judge:
        refused_first = asyncio.create_task(judge.ask(question("first")))
        await server.until(lambda: bool(server.asked) and not server.under_way)
        refused_first.cancel()
        await asyncio.gather(refused_first, return_exceptions=True)
        waiting = [asyncio.create_task(judge.ask(question(str(number)))) for number in range(3)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        gone = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(one) for one in gone} == {asyncio.CancelledError}
    assert len(server.asked) == 1


async def test_a_question_that_nobody_waits_for_frees_its_place(server: ChatServer):
    never = server.holds("waits")
    async with judging(server.endpoint(max_concurrent=1)) as judge:
        lost = asyncio.create_task(judge.ask(question("waits")))
        await server.until(lambda: server.under_way == 1)
        lost.cancel()
        async with asyncio.timeout(20):
            assert (await judge.ask(question("next"))).verdict == {"correct": True}
    never.set()


async def test_five_hundred_questions_never_exceed_the_places(server: ChatServer):
    places = asyncio.Barrier(10)  # a request is answered only when all ten places are taken

    async def together(asked: Asked) -> Reply:
        del asked
        await places.wait()
        return says({"correct": True})

    server.script = together
    async with judging(server.endpoint(max_concurrent=10)) as judge, asyncio.timeout(60):
        said = await asyncio.gather(*(judge.ask(question(str(number))) for number in range(500)))
    assert len(said) == len(server.asked) == 500
    assert server.most == 10


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
async def test_a_passing_trouble_is_tried_again(server: ChatServer, status: int):
    server.replies(refuses(status), refuses(status), says({"correct": False}))
    async with judging(server.endpoint(retries=2)) as judge:
        assert (await judge.ask(question())).verdict == {"correct": False}
        assert judge.spent("strict") == (1, 15)
    assert len(server.asked) == 3


async def test_a_lasting_trouble_is_a_retryable_status_and_is_not_remembered(server: ChatServer):
    server.replies(refuses(503))
    async with judging(server.endpoint(retries=2)) as judge:
        error = await refused(judge, question())
        assert (error.reason, error.retryable) == ("JUDGE_UNAVAILABLE", True)
        assert "HTTP status 503" in error.message
        assert len(server.asked) == 3
        server.replies(says({"correct": True}))
        assert (await judge.ask(question())).verdict == {"correct": True}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 301])
async def test_what_would_fail_again_is_not_tried_again(server: ChatServer, status: int):
    server.replies(refuses(status, location="http://127.0.0.1:1/elsewhere"))
    async with judging(server.endpoint()) as judge:
        error = await refused(judge, question())
    assert (error.reason, error.retryable) == ("JUDGE_UNAVAILABLE", False)
    assert len(server.asked) == 1


@pytest.mark.parametrize("kind", ["seconds", "date", "nonsense"])
async def test_retry_after_is_waited_for_by_everyone(server: ChatServer, kind: str):
    values = {"seconds": "0.3", "date": email.utils.formatdate(time.time() + 2, usegmt=True), "nonsense": "soon"}
    arrivals: list[float] = []

    async def later(asked: Asked) -> Reply:
        del asked
        arrivals.append(asyncio.get_running_loop().time())
        return refuses(429, retry_after=values[kind]) if len(arrivals) == 1 else says({"correct": True})

    server.script = later
    async with judging(server.endpoint(max_concurrent=2)) as judge:
        first = asyncio.create_task(judge.ask(question("first")))
        await server.until(lambda: bool(server.asked) and not server.under_way)
        await asyncio.gather(first, judge.ask(question("second")))
    assert len(arrivals) == 3
    least = {"seconds": 0.3, "date": 0.5, "nonsense": 0.0}[kind]
    assert all(arrival - arrivals[0] >= least for arrival in arrivals[2:])


async def test_a_connection_that_breaks_is_tried_again(server: ChatServer):
    dead = Endpoint("dead", server.endpoint(base_url="http://127.0.0.1:1/v1", retries=1).settings)
    async with judging(dead) as judge:
        error = await refused(judge, question(endpoint="dead"))
    assert (error.reason, error.retryable) == ("JUDGE_UNAVAILABLE", True)
    assert "2 attempt(s)" in error.message


async def test_a_request_that_takes_too_long_is_tried_again(server: ChatServer):
    never = asyncio.Event()

    async def slow_once(asked: Asked) -> Reply:
        del asked
        if len(server.asked) == 1:
            await never.wait()
        return says({"correct": True})

    server.script = slow_once
    async with judging(server.endpoint(timeout=0.05)) as judge:
        assert (await judge.ask(question())).verdict == {"correct": True}
    never.set()
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>busy</html>",
        b"[]",
        b'{"choices": []}',
        b'{"choices": [{"message": "x"}]}',
        b"[" * 100_000,
        b" " * (2 << 20),
    ],
)
async def test_a_body_that_is_no_completion_is_tried_again(server: ChatServer, body: bytes):
    server.replies(Reply(body), says({"correct": True}))
    async with judging(server.endpoint()) as judge:
        assert (await judge.ask(question())).verdict == {"correct": True}
    assert len(server.asked) == 2


@pytest.mark.parametrize("bad", ["I think it is right.", {"correct": "yes"}, "", '{"correct": true, "correct": false}'])
async def test_an_answer_without_a_verdict_is_asked_for_once_more(server: ChatServer, bad: object):
    server.replies(says(bad), says({"correct": True}))
    async with judging(server.endpoint()) as judge:
        verdict = await judge.ask(question())
        assert judge.spent("strict") == (2, 30)
    assert verdict.verdict == {"correct": True}
    assert (verdict.prompt_tokens, verdict.completion_tokens) == (20, 10)
    roles = [message["role"] for message in server.asked[1].messages]
    assert roles == ["system", "user", "assistant", "user"]
    assert server.asked[1].messages[:2] == server.asked[0].messages


async def test_no_verdict_after_the_second_answer_is_a_status(server: ChatServer):
    server.replies(says("I cannot say."))
    async with judging(server.endpoint()) as judge:
        error = await refused(judge, question())
    assert (error.reason, error.retryable) == ("JUDGE_UNPARSEABLE", False)
    assert len(server.asked) == 2


async def test_calls_are_limited(server: ChatServer):
    async with judging(server.endpoint(budget={"calls": 2})) as judge:
        for response in ("a", "b", "a"):
            await judge.ask(question(response))
        error = await refused(judge, question("c"))
        assert (error.reason, error.retryable) == ("JUDGE_BUDGET", False)
        assert (await judge.ask(question("b"))).cached
    assert len(server.asked) == 2


async def test_calls_at_the_same_time_keep_to_the_limit_too(server: ChatServer):
    async with judging(server.endpoint(budget={"calls": 5})) as judge:
        asked = (judge.ask(question(str(number))) for number in range(20))
        said = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, Exception) for one in said) == 15
    assert len(server.asked) == 5


@pytest.mark.parametrize("tokens", [(10, 5), None])
async def test_tokens_are_limited_also_where_the_endpoint_does_not_count(
    server: ChatServer, tokens: tuple[int, int] | None
):
    server.replies(says({"correct": True}, tokens))
    async with judging(server.endpoint(budget={"tokens": 15, "period_seconds": 3600})) as judge:
        await judge.ask(question("a"))
        error = await refused(judge, question("b"))
    assert (error.reason, error.retryable) == ("JUDGE_BUDGET", True)


async def test_an_unknown_judge_is_told_what_there_is(server: ChatServer):
    async with judging(server.endpoint("one"), server.endpoint("two")) as judge:
        error = await refused(judge, question(endpoint="http://evil.example/v1"))
    assert error.reason == "UNKNOWN_JUDGE"
    assert "one, two" in error.message
    assert server.asked == []


async def test_texts_are_refused_and_never_cut(server: ChatServer):
    async with judging(server.endpoint(max_characters=100)) as judge:
        error = await refused(judge, question("x" * 101))
    assert error.reason == "JUDGE_INPUT_TOO_LONG"
    assert server.asked == []


async def test_those_who_wait_when_the_port_closes_are_told(server: ChatServer):
    never = server.holds()
    judge = CatalogueJudge([server.endpoint()])
    waiting = asyncio.create_task(refused(judge, question()))
    await server.until(lambda: server.under_way == 1)
    await judge.close()
    error = await waiting
    assert (error.reason, error.retryable) == ("LANE_STOPPED", True)
    never.set()


KEY = "sk-canary-0123456789"


async def test_the_key_is_sent_and_seen_nowhere_else(server: ChatServer, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    endpoint = Endpoint("strict", server.endpoint(retries=1).settings, SecretStr(KEY))
    server.replies(refuses(503), refuses(503), refuses(401), says("none"))
    seen: list[str] = []
    with structlog.testing.capture_logs() as logs:
        async with judging(endpoint) as judge:
            for response in ("a", "b", "c"):
                error = await refused(judge, question(response))
                seen += [repr(error), error.message, repr(error.__cause__), repr(error.__context__)]
            server.replies(says({"correct": True}))
            await judge.ask(question("d"))
            internals = vars(next(iter(vars(judge)["_judges"].values())))
            seen += [repr(internals), repr(vars(judge)), *internals["_cache"]]
    seen += [repr(endpoint), str(endpoint), str(logs), caplog.text]
    assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {KEY}"}
    assert [log["event"] for log in logs] == ["judge unavailable"] * 2
    assert [text for text in seen if KEY in text] == []
    assert all(KEY not in message["content"] for asked in server.asked for message in asked.messages)
