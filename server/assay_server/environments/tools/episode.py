"""An episode: a question, calls of tools, and one answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import cast

from assay.sdk import Json
from assay_server.environments.protocol import EpisodeOver, InvalidOptions, ResetResult, StepResult
from assay_server.environments.sql.bench import GENERATED as GENERATED_DATABASES
from assay_server.environments.sql.bench import Place
from assay_server.environments.sql.themes import THEMES
from assay_server.environments.tools.corpus import GENERATED, Corpus, CorpusQuestion
from assay_server.environments.tools.options import ToolOptions, read_options
from assay_server.environments.tools.outside import PythonAnswer
from assay_server.environments.tools.python_calls import NOBODY, PythonCalls
from assay_server.environments.tools.reading import Planned, Spoken, spoken
from assay_server.environments.tools.routing import Routing
from assay_server.environments.tools.schemas import ANSWER, declared
from assay_server.environments.tools.workshop import Outcome, ToolPorts, Workshop, failed
from assay_server.environments.tools.world import generated_corpus
from assay_server.rewards.qa_answers import is_gold, squad_normal
from assay_server.rewards.qa_f1 import token_f1

_RULES = """\
Answer the question. Each action calls one or more of the tools below, as JSON {"name": ..., "arguments": {...}}, a list
of such objects, OpenAI's tool calls, or Python calls; the tool `answer`, or <answer>...</answer>, ends the episode."""
_MOST_TOGETHER = 16
_NO_VIEW = "No tool has been used yet."
_MOST_RESULTS = 10
_ports = ToolPorts()


class ToolsEpisode:
    """A question that takes tools: Python, search, a calculator, a database, files. Calls are counted here.

    Options of ``reset``: ``tools`` (which; those that are named must be there), ``corpus``, ``split``, ``question``,
    ``hops``, ``dataSeed``, ``databases``, ``database``, ``scoring`` (``exact`` or ``f1`` of the answer),
    ``routingReward`` (shared by the searches of the right knowledge base), ``results``, ``rows``, ``maxCalls`` and
    ``maxSteps``.
    """

    def __init__(self, ports: ToolPorts = _ports) -> None:
        self._ports = ports
        self._options: ToolOptions | None = None
        self._over = False

    # ------------------------------------------------------------ the start

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start over with the question that options and seed name."""
        read = read_options(options)
        self._check_ports(read)
        corpus = self._corpus(read)
        self._options = read
        self._question = _question(corpus, read, seed)
        self._functions = declared(read.tools, list(corpus.bases), _MOST_RESULTS)
        place = Place(read.databases, read.database, read.data_seed)
        self._workshop = Workshop(self._ports, corpus.bases, place, read.results, read.rows)
        self._python = PythonCalls()
        self._routing = Routing(self._question.supports)
        self._bases = tuple(corpus.bases)
        self._read: tuple[str, Spoken] | None = None
        self._heard: PythonAnswer | None = None
        self._view = _NO_VIEW
        self._steps = self._calls = 0
        self._score = 0.0
        self._over = False
        tools = "\n".join(json.dumps(one) for one in self._functions.values())
        return ResetResult(f"{_RULES}\n\nTools:\n{tools}\n\n{self._task()}", self.state_digest())

    def _check_ports(self, options: ToolOptions) -> None:
        if options.needed and "python" in options.tools and not self._ports.programs:
            told = "start the server with ASSAY_SANDBOX=namespaces, docker or workers, or name tools without it"
            raise InvalidOptions("tools", f"python is not available here, this process runs no programs: {told}")
        if "sql" not in options.tools:
            return
        if options.databases == GENERATED_DATABASES:
            if options.database not in THEMES:
                raise InvalidOptions("database", f"expected one of {', '.join(THEMES)}")
        elif self._ports.databases is None:
            raise InvalidOptions("databases", "this process has no databases")
        else:
            self._ports.databases.tables(Place(options.databases, options.database, options.data_seed))
        if options.needed and self._ports.databases is None:
            raise InvalidOptions("tools", "sql is not available here: this process has no databases")

    def _corpus(self, options: ToolOptions) -> Corpus:
        if options.corpus == GENERATED:
            return generated_corpus(options.data_seed)
        if self._ports.corpora is None:
            raise InvalidOptions("corpus", f"this process has no corpora but {GENERATED!r}")
        return self._ports.corpora.corpus(options.corpus)

    def _task(self) -> str:
        options = self._given()
        lines = [f"Question: {self._question.text}"]
        if "search" in options.tools:
            lines.append(f"Knowledge bases: {', '.join(self._bases)}")
        if "sql" in options.tools:
            lines.append(f"Database: {options.database}")
        return "\n".join(lines)

    def _given(self) -> ToolOptions:
        if self._options is None:
            raise EpisodeOver("there is no episode: call reset() first")
        return self._options

    # ------------------------------------------------------------ steps

    def request_for(self, action: str) -> str:
        """The Python of an action, to be run before the action is taken."""
        if not self._ports.programs or self._ended():
            return ""
        codes = self._codes(self._accepted(self._spoken(action).calls))
        return self._python.request(codes) if codes else ""

    def receive(self, answer: str) -> None:
        """What came of the Python of the next action."""
        self._heard = PythonAnswer.decode(answer)

    def step(self, action: str) -> StepResult:
        """Take an action; what is no call changes nothing and costs a step."""
        self._given()
        if self._ended():
            raise EpisodeOver("the episode is over: call reset() to start another")
        heard, self._heard = self._heard or NOBODY, None
        self._steps += 1
        said = self._spoken(action)
        if said.problem:
            return self._result(f"Error: {said.problem}", valid=False)
        if said.answer is not None:
            return self._answered(said.answer, [], 0.0)
        return self._called(said.calls, heard)

    def _spoken(self, action: str) -> Spoken:
        if self._read is None or self._read[0] != action:
            self._read = (action, spoken(action, self._functions))
        return self._read[1]

    def _accepted(self, calls: Sequence[Planned]) -> list[tuple[Planned, str]]:
        """The calls up to an answer, each with why it is not made; empty where it is."""
        accepted: list[tuple[Planned, str]] = []
        left, codes = self._given().max_calls - self._calls, list[str]()
        for number, call in enumerate(calls):
            refusal = call.problem
            if call.name == ANSWER and not refusal:
                accepted.append((call, ""))
                break
            if number >= _MOST_TOGETHER:
                refusal = f"an action may have {_MOST_TOGETHER} calls"
            elif left <= 0:
                refusal = f"no calls are left: {self._given().max_calls} were made"
            elif call.name == "python" and not refusal:
                code = cast("str", call.arguments["code"])
                refusal = self._python.refusal(codes, code)
                codes += [] if refusal else [code]
            left -= 1
            accepted.append((call, refusal))
        return accepted

    @staticmethod
    def _codes(accepted: Sequence[tuple[Planned, str]]) -> list[str]:
        return [
            cast("str", call.arguments["code"]) for call, refusal in accepted if call.name == "python" and not refusal
        ]

    def _called(self, calls: Sequence[Planned], heard: PythonAnswer) -> StepResult:
        accepted = self._accepted(calls)
        codes = self._codes(accepted)
        python = iter(self._python.outcomes(codes, heard) if codes else ())
        texts: list[str] = []
        earned, done, valid = 0.0, False, True
        for call, refusal in accepted:
            valid = valid and not call.problem
            if call.name == ANSWER and not refusal:
                return self._answered(str(call.arguments["text"]), texts, earned)
            self._calls = min(self._calls + 1, self._given().max_calls)
            outcome = (
                failed(refusal) if refusal else next(python) if call.name == "python" else self._workshop.run(call)
            )
            done = done or outcome.done
            earned += self._routed(call, outcome)
            texts.append(f"{call.name[:80]}: {outcome.text}" if len(accepted) > 1 else outcome.text)
        shown = "\n\n".join(texts)
        if done:
            self._view = shown
        return self._result(shown, reward=earned, valid=valid, executed=done)

    def _routed(self, call: Planned, outcome: Outcome) -> float:
        if call.name != "search" or not outcome.done:
            return 0.0
        earned = self._routing.searched(cast("str", call.arguments["base"]), outcome.found)
        return self._given().routing_reward * earned

    def _answered(self, answer: str, texts: Sequence[str], earned: float) -> StepResult:
        golds = self._question.answers
        if self._given().scoring == "exact":
            self._score = float(is_gold(answer, golds))
        else:
            self._score = max(token_f1(squad_normal(answer), squad_normal(gold))[0] for gold in golds)
        self._over = True
        self._view = "Right." if self._score == 1 else f"Not right: scored {self._score:.3g}."
        return self._result("\n\n".join([*texts, self._view]), reward=earned + self._score, executed=True)

    def _ended(self) -> bool:
        return self._over or self._steps >= self._given().max_steps

    def _result(self, shown: str, *, reward: float = 0.0, valid: bool = True, executed: bool = False) -> StepResult:
        options = self._given()
        truncated = not self._over and self._steps >= options.max_steps
        won = self._over and self._score == 1
        return StepResult(
            observation=f"{shown}\n[calls: {self._calls} of {options.max_calls}]",
            reward=reward,
            action_valid=valid,
            executed=executed,
            won=won,
            task_score=self._score,
            terminated=self._over,
            truncated=truncated,
            stop_reason="won" if won else "finished" if self._over else "max_steps" if truncated else "",
        )

    # ------------------------------------------------------------ where it stands

    def info(self) -> Mapping[str, Json]:
        """Counters of calls, of results that were known, and of searches; at the start the tools' declarations."""
        told: dict[str, Json] = {
            "numToolCalls": self._calls,
            "maxToolCalls": self._given().max_calls,
            "cachedToolCalls": self._workshop.cached,
            "routing": self._routing.share,
            "supportsFound": self._routing.found,
        }
        if not self._steps:
            told["tools"] = list(self._functions.values())
        return told

    def anchor(self) -> str:
        """The question, and what the tools said last."""
        return f"{self._task()}\n\n{self._view}"

    def state_digest(self) -> str:
        """Over the question, what the tools said last, the files, the interpreter, and what searches found."""
        files = sorted(self._workshop.folder.texts.items())
        state = (self._options, self._question, self._view, files, self._python.chain, self._routing.state, self._over)
        return hashlib.sha256(repr(state).encode("utf-8", "backslashreplace")).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        """A few calls that work; what to ask is the policy's to write."""
        options = self._given()
        if self._over:
            return ()
        if self._calls >= options.max_calls:
            return (_call(ANSWER, text="unknown"),)
        listed: list[str] = []
        if "search" in options.tools:
            listed += [_call("search", base=base, query=self._question.text) for base in self._bases]
        if "calculator" in options.tools:
            listed.append(_call("calculator", expression="2 + 3"))
        if "files" in options.tools:
            listed += [_call("list_files"), _call("write_file", name="notes.txt", text=self._question.text)]
        return tuple(listed) or (_call(ANSWER, text="unknown"),)

    def close(self) -> None:
        """Forget the episode."""
        self._options = None


def _question(corpus: Corpus, options: ToolOptions, seed: int) -> CorpusQuestion:
    fitting = [
        one for one in corpus.questions if options.split in ("", one.split) and options.hops in (0, len(one.supports))
    ]
    if not fitting:
        raise InvalidOptions("split" if options.split else "hops", "the corpus has no such questions")
    if options.question is None:
        return fitting[Random(f"tools/{seed}").randrange(len(fitting))]  # noqa: S311 - a question, not a secret
    if options.question >= len(fitting):
        raise InvalidOptions("question", f"expected an integer from 0 to {len(fitting) - 1}")
    return fitting[options.question]


def _call(tool: str, /, **arguments: Json) -> str:
    return json.dumps({"name": tool, "arguments": arguments})
