"""What a run's judges may cost: counted where questions are sent, kept in the store, refused beyond."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from assay import Failure, InvalidArgument, JudgeQuota, Rollout, RunConfig, SampleResult, aio
from assay.sdk import Judge, JudgeRequest, JudgeVerdict, Unscorable
from assay.sdk.spec import Gate, Leaf
from assay_server.config import Settings
from assay_server.execution.judge_account import JudgeAccount, JudgeLimits
from assay_server.process import ServerProcess
from assay_server.store.protocol import StoreUnavailable

from .chat_server import ChatServer, judging, says
from .questions import question

PRICES = {"prompt": 100_000.0, "completion": 200_000.0}  # ten tokens of question and five of answer cost 2
RUBRIC = {"endpoint": "strict", "rubric": "It is polite."}


class Counters:
    """What a store keeps of them, which may be away."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.away = False

    async def keep(self, amounts: Mapping[str, float]) -> Mapping[str, float]:
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailable("away")
        for name, amount in amounts.items():
            self.values[name] = self.values.get(name, 0.0) + amount
        return dict(self.values)


async def said(judge: Judge, request: JudgeRequest) -> JudgeVerdict | str:
    """The verdict, or the reason why there is none."""
    try:
        return await judge.ask(request)
    except Unscorable as error:
        return error.reason


@pytest.mark.parametrize(
    ("limits", "calls"),
    [
        (JudgeLimits(), 5),
        (JudgeLimits(calls=0), 0),
        (JudgeLimits(calls=3), 3),
        (JudgeLimits(tokens=31), 3),
        (JudgeLimits(tokens=30), 2),
        (JudgeLimits(cost=4.0), 2),
        (JudgeLimits(calls=4, tokens=1000, cost=6.5), 4),
    ],
)
async def test_nothing_is_asked_beyond_a_limit(server: ChatServer, limits: JudgeLimits, calls: int):
    account = JudgeAccount("local/run", limits, Counters().keep)
    async with judging(server.endpoint(prices=PRICES)) as judge:
        charged = judge.of("local", account)
        outcomes = [await said(charged, question(str(number))) for number in range(5)]
    assert outcomes[calls:] == ["JUDGE_QUOTA"] * (5 - calls)
    assert "JUDGE_QUOTA" not in outcomes[:calls]
    assert len(server.asked) == calls
    assert account.spent == (calls, 15 * calls, 2.0 * calls)
    await account.close()


async def test_calls_are_never_passed_even_when_all_come_at_once(server: ChatServer):
    account = JudgeAccount("local/run", JudgeLimits(calls=7), Counters().keep)
    async with judging(server.endpoint()) as judge:
        charged = judge.of("local", account)
        outcomes = await asyncio.gather(*(said(charged, question(str(number))) for number in range(50)))
    assert outcomes.count("JUDGE_QUOTA") == 43
    assert len(server.asked) == 7
    await account.close()


async def test_what_is_cached_costs_nothing_and_is_still_given(server: ChatServer):
    account = JudgeAccount("local/run", JudgeLimits(calls=1), Counters().keep)
    async with judging(server.endpoint()) as judge:
        charged = judge.of("local", account)
        await charged.ask(question("a"))
        assert (await charged.ask(question("a"))).cached
        assert await said(charged, question("b")) == "JUDGE_QUOTA"
        await judge.ask(question("b"))
        assert (await charged.ask(question("b"))).cached
    await account.close()


async def test_a_repair_is_a_call_of_its_own(server: ChatServer):
    server.replies(says("no verdict"))
    account = JudgeAccount("local/run", JudgeLimits(calls=1), Counters().keep)
    async with judging(server.endpoint()) as judge:
        assert await said(judge.of("local", account), question()) == "JUDGE_QUOTA"
    assert len(server.asked) == 1
    await account.close()


async def test_one_run_without_quota_does_not_take_the_verdict_from_another(server: ChatServer):
    poor = JudgeAccount("local/poor", JudgeLimits(calls=0), Counters().keep)
    rich = JudgeAccount("local/rich", JudgeLimits(calls=1), Counters().keep)
    async with judging(server.endpoint()) as judge:
        asked = [said(judge.of("local", account), question()) for account in (poor, rich, poor)]
        first, second, third = await asyncio.gather(*asked)
    assert (first, third) == ("JUDGE_QUOTA", "JUDGE_QUOTA")
    assert isinstance(second, JudgeVerdict)
    await rich.close()


async def test_a_limit_of_cost_needs_a_price(server: ChatServer):
    account = JudgeAccount("local/run", JudgeLimits(cost=1.0), Counters().keep)
    async with judging(server.endpoint()) as judge:
        assert await said(judge.of("local", account), question()) == "JUDGE_UNPRICED"
    assert server.asked == []


async def test_an_endpoint_that_counts_no_tokens_is_charged_the_most_they_can_be(server: ChatServer):
    server.replies(says({"correct": True}, tokens=None))
    account = JudgeAccount("local/run", JudgeLimits(), Counters().keep)
    async with judging(server.endpoint(prices=PRICES)) as judge:
        await judge.of("local", account).ask(question())
    asked = sum(len(message["content"].encode()) for message in server.asked[0].messages)
    answered = len('{"correct": true}')
    assert account.spent == (1, asked + answered, pytest.approx((asked * 1e5 + answered * 2e5) / 1e6))
    await account.close()


async def test_counts_outlive_a_store_that_is_away(server: ChatServer):
    counters = Counters()
    account = JudgeAccount("local/run", JudgeLimits(calls=3), counters.keep)
    counters.away = True
    async with judging(server.endpoint()) as judge:
        charged = judge.of("local", account)
        await charged.ask(question("a"))
        await charged.ask(question("b"))
        counters.away = False
        await charged.ask(question("c"))
        assert await said(charged, question("d")) == "JUDGE_QUOTA"
    await account.close()
    assert counters.values["judge_calls"] == 3
    again = JudgeAccount("local/run", JudgeLimits(calls=4), counters.keep)
    await again.load()
    assert again.spent[0] == 3


# ---------------------------------------------------------------- over a stream


@asynccontextmanager
async def serving(server: ChatServer, folder: Path, prices: str = "") -> AsyncGenerator[aio.Client]:
    catalogue = folder / "judges.toml"
    catalogue.write_text(f'[judges.strict]\nbase_url = "{server.url}"\nmodel = "judge-1"\n{prices}')
    store = f"sqlite:{folder / 'store.db'}"
    process = ServerProcess(
        Settings(listen="127.0.0.1:0", http_listen="", store=store, token_file=None, judges=catalogue, cpu_workers=1)
    )
    await process.start()
    try:
        async with aio.Client(process.address) as client:
            yield client
    finally:
        await process.drain()


async def outcomes(client: aio.Client, run: RunConfig, *texts: str) -> list[float | Failure]:
    """The answer to a rollout with each of these responses, sent one after the other."""
    found: list[float | Failure] = []
    async with client.stream(run) as stream:
        for text in texts:
            await stream.send(Rollout(f"r-{text}", response=text, reference={"answer": "18"}))
            async for event in stream:
                if isinstance(event, SampleResult):
                    found.append(event.value if event.error is None else event.error)
                    break
    return found


async def test_a_run_that_used_up_its_quota_gets_a_status_and_never_a_score(server: ChatServer, tmp_path: Path):
    server.replies(says({"rationale": "fine", "score": 10}))
    run = RunConfig(run_id="judged", reward=Leaf("judge/rubric", RUBRIC), estimator="", judge_quota=JudgeQuota(calls=2))
    async with serving(server, tmp_path) as client:
        first = await outcomes(client, run, "a", "b", "c")
        assert first[:2] == [1.0, 1.0]
        refused = first[2]
        assert isinstance(refused, Failure)
        assert (refused.reason, refused.code, refused.retryable) == ("JUDGE_QUOTA", 8, False)
        await client.checkpoint_run("judged", "here")
        await client.restore_run("judged", "")
        (refused,) = await outcomes(client, run, "d")
        assert isinstance(refused, Failure), "a restore gave the quota back"
    async with serving(server, tmp_path) as client:
        (refused,) = await outcomes(client, run, "e")
        assert isinstance(refused, Failure), "another process gave the quota back"
        assert refused.reason == "JUDGE_QUOTA"
    assert len(server.asked) == 2


async def test_a_run_that_names_no_judge_of_the_operators_is_refused_with_the_nearest(
    server: ChatServer, tmp_path: Path
):
    misspelt = Gate(condition=Leaf("math"), then=Leaf("judge/rubric", {**RUBRIC, "endpoint": "stric"}))
    async with serving(server, tmp_path) as client:
        with pytest.raises(InvalidArgument) as caught:
            await client.create_run(RunConfig(reward=misspelt))
        assert caught.value.failure.reason == "UNKNOWN_JUDGE"
        (violation,) = caught.value.failure.violations
        assert violation.field == "spec.reward.gate.then.leaf.params.endpoint"
        assert "nearest: strict" in violation.description
        with pytest.raises(InvalidArgument, match="nearest: strict"):
            await client.score([Rollout("r", response="x", reference={"answer": "1"})], reward=misspelt)


async def test_a_limit_of_cost_is_refused_where_a_judge_has_no_price(server: ChatServer, tmp_path: Path):
    judged = RunConfig(reward=Leaf("judge/rubric", RUBRIC), judge_quota=JudgeQuota(cost=1.0))
    async with serving(server, tmp_path) as client:
        with pytest.raises(InvalidArgument, match=r"spec\.judge_quota\.cost.*no price"):
            await client.create_run(judged)
        with pytest.raises(InvalidArgument, match=r"spec\.judge_quota\.calls"):
            await client.create_run(RunConfig(reward="math", judge_quota=JudgeQuota(calls=-1)))
    async with serving(server, tmp_path, "[judges.strict.prices]\nprompt = 1.0\ncompletion = 2.0\n") as client:
        assert (await client.create_run(judged)).created
