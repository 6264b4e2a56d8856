"""The Judge port: cache, one flight per question, budget, endpoint, verdict, in this order."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from types import CoroutineType

from assay.sdk import Judge, JudgeRequest, JudgeVerdict, Unscorable
from assay_server.execution.item_clock import current_clock
from assay_server.execution.judge_account import JudgeAccount
from assay_server.execution.judging.asking import Asking, DirectAsking, Question, request_data
from assay_server.execution.judging.budget import Budget
from assay_server.execution.judging.catalogue import Endpoint
from assay_server.execution.judging.departures import Departures
from assay_server.tracing.present import present, spanned

_MOST_NAMED = 20


class CatalogueJudge:
    """Judges that the operator named; requests choose one by its name."""

    def __init__(self, endpoints: Iterable[Endpoint], asking: Asking | None = None) -> None:
        """Take the catalogue.

        Args:
            endpoints: the judges.
            asking: asks these endpoints, in another process where hundreds of questions must cost this loop nothing;
                None = on this loop.
        """
        endpoints = tuple(endpoints)
        self._asking = DirectAsking(endpoints) if asking is None else asking
        self._judges = {endpoint.name: _EndpointJudge(endpoint, self._asking) for endpoint in endpoints}

    @property
    def names(self) -> Mapping[str, bool]:
        """The judges, and whether their prices are known."""
        return {name: judge.priced for name, judge in self._judges.items()}

    def of(self, tenant: str, account: JudgeAccount | None = None) -> Judge:
        """The judges as a tenant sees them: no other's verdicts; what they take is counted in a run's account."""
        return _TenantJudge(self, tenant, account)

    def ask(
        self, request: JudgeRequest, account: JudgeAccount | None = None, tenant: str = "local"
    ) -> CoroutineType[None, None, JudgeVerdict]:
        """The verdict.

        Raises:
            Unscorable: UNKNOWN_JUDGE, JUDGE_INPUT_TOO_LONG, JUDGE_UNAVAILABLE, JUDGE_UNPARSEABLE, JUDGE_BUDGET,
                JUDGE_QUOTA, JUDGE_UNPRICED.
            ValueError: a text's name is no label, or the schema is none.
        """
        judge = self._judges.get(request.endpoint)
        return self._unknown(request.endpoint) if judge is None else judge.ask(request, account, tenant)

    async def _unknown(self, endpoint: str) -> JudgeVerdict:
        known = ", ".join(sorted(self._judges)[:_MOST_NAMED]) or "none"
        message = f"the operator has no judge called {endpoint[:80]!r}; there are: {known}"
        raise Unscorable("UNKNOWN_JUDGE", message)

    def spent(self, endpoint: str) -> tuple[int, int]:
        """Calls and tokens that an endpoint has cost in its present period."""
        budget = self._judges[endpoint].budget
        return budget.calls, budget.tokens

    async def close(self) -> None:
        """Cancel what is on its way, close the connections."""
        await asyncio.gather(*(judge.close() for judge in self._judges.values()))
        await self._asking.close()


class _TenantJudge:
    def __init__(self, judge: CatalogueJudge, tenant: str, account: JudgeAccount | None) -> None:
        self._judge = judge
        self._tenant = tenant
        self._account = account

    def ask(self, request: JudgeRequest) -> CoroutineType[None, None, JudgeVerdict]:
        if present() is None:
            return self._judge.ask(request, self._account, self._tenant)
        return self._traced(request)

    async def _traced(self, request: JudgeRequest) -> JudgeVerdict:
        with spanned("judge.ask", {"assay.judge": request.endpoint[:256]}) as span:
            verdict = await self._judge.ask(request, self._account, self._tenant)
            if span is not None:
                span.set("assay.cached", verdict.cached)
                span.set("assay.tokens", verdict.prompt_tokens + verdict.completion_tokens)
        return verdict


class _EndpointJudge:
    def __init__(self, endpoint: Endpoint, asking: Asking) -> None:
        self._settings = endpoint.settings
        asked = (
            self._settings.base_url,
            self._settings.model,
            self._settings.max_tokens,
            self._settings.response_format,
        )
        self._asked_as = repr(asked).encode()
        self._cache: OrderedDict[str, JudgeVerdict] = OrderedDict()
        self.budget = Budget(endpoint.name, endpoint.settings.budget, time.monotonic)
        self._departures = Departures(endpoint, asking, self.budget)

    @property
    def priced(self) -> bool:
        return self._settings.prices is not None

    async def ask(self, request: JudgeRequest, account: JudgeAccount | None, tenant: str) -> JudgeVerdict:
        self._check_length(request)
        question = Question(request, request_data(request))
        key = f"{tenant} {self._digest(question)}"  # whether another tenant has asked is nobody's business
        held = self._cache.get(key)
        if held is not None:
            self._cache.move_to_end(key)
            return dataclasses.replace(held, cached=True)
        # A flight is of one account: what its quota refuses is not refused to others.
        flown = key if account is None else f"{key} {account.run}"
        verdict, joined = await self._departures.verdict(flown, question, account, current_clock())
        self._keep(key, verdict)
        return dataclasses.replace(verdict, cached=True) if joined else verdict

    async def close(self) -> None:
        await self._departures.close()

    def _check_length(self, request: JudgeRequest) -> None:
        length = len(request.instructions) + sum(map(len, request.graded.values()))
        if length > self._settings.max_characters:
            message = (
                f"the texts for the judge {request.endpoint!r} have {length} characters; "
                f"it takes {self._settings.max_characters}"
            )
            raise Unscorable("JUDGE_INPUT_TOO_LONG", message)

    def _digest(self, question: Question) -> str:
        """Name of a question: everything that decides its answer, and nothing that is secret."""
        return hashlib.sha256(self._asked_as + question.data).hexdigest()

    def _keep(self, key: str, verdict: JudgeVerdict) -> None:
        if self._settings.cache_entries:
            self._cache[key] = verdict
            if len(self._cache) > self._settings.cache_entries:
                self._cache.popitem(last=False)
