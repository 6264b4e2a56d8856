"""The shop: find what an instruction asks for, choose its options, buy it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import cast

from assay.sdk import Json
from assay_server.environments.protocol import EpisodeOver, InvalidDump, ResetResult, StepResult
from assay_server.environments.shop.browsing import Place, Unanswerable, Visit, parsed_action
from assay_server.environments.shop.pages import PAGE_SIZE, SEPARATOR, Clickables, admissible_clicks
from assay_server.environments.shop.rendering import Renderer
from assay_server.environments.shop.setting import CatalogueSource, NoCatalogues, Setting, setting_of
from assay_server.rewards.shop_goods import Goal
from assay_server.rewards.shop_purchase import NoWorth, Worth, strict_worth, webshop_worth

MAX_ACTION_CHARACTERS = 4_000
"""Longer actions are ignored: a session keeps its last query, and answered searches are remembered."""


class _Ignored(Exception):
    """An action that WebShop takes no notice of."""


@dataclass(slots=True)
class _History:
    """Pages and actions of the last steps, for observations that repeat them."""

    pages: list[str] = field(default_factory=list[str])
    actions: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _Episode:
    setting: Setting
    renderer: Renderer
    visit: Visit
    page: str
    history: _History
    steps: int = 0
    over: bool = False
    _clickables: Clickables | None = None

    def enter(self, visit: Visit) -> None:
        """Show another page."""
        self.visit, self.page, self._clickables = visit, self.renderer.page(visit), None

    def clickables(self) -> Clickables:
        """What the present page takes."""
        found = self._clickables
        if found is None:
            found = self._clickables = self.setting.shopper.clickables(self.visit)
        return found


class Shop:
    """WebShop's task: ``search[...]`` and ``click[...]`` until ``click[buy now]``.

    The reward of a purchase is WebShop's, of any other action 0. Options of ``reset`` are those of ``OPTIONS_SCHEMA``.
    Under the rules ``webshop`` (default) everything is as in WebShop: the episode is done at a purchase, and yet goes
    on if the agent does. Under ``strict`` it ends there, pages show the price that is asked instead of its range, and
    the reward is that of :func:`assay_server.rewards.shop_purchase.strict_worth`.
    """

    def __init__(self, source: CatalogueSource | None = None) -> None:
        self._source = source or NoCatalogues()
        self._episode: _Episode | None = None

    def reset(self, seed: int, options: Mapping[str, Json]) -> ResetResult:
        """Start the episode of a seed: its goal, and all prices that are ranges, are drawn from it."""
        setting = setting_of(self._source, seed, options)
        renderer, visit = Renderer(setting), Visit()
        page = renderer.page(visit)
        self._episode = _Episode(setting, renderer, visit, page, _History([page]))
        return ResetResult(page, self.state_digest())

    def step(self, action: str) -> StepResult:
        """Search, click, or be told nothing new: an action that cannot be followed leaves the page as it is."""
        episode = self._live()
        worth: Worth | None = None
        valid = True
        try:
            following = _followed(episode, action)
            if following is None:
                worth = _worth(episode)
                following = replace(episode.visit, place="done", sub_page="", reward=worth.reward)
            episode.enter(following)
        except (_Ignored, Unanswerable, NoWorth):
            valid = False
        episode.steps += 1
        return _answered(episode, action, worth, valid)

    def anchor(self) -> str:
        """The page with what is chosen on it, in a line; neither the instruction nor what was looked at before."""
        visit = self._known().visit
        if visit.place == "start":
            return "start"
        where = f"results {visit.page} of {' '.join(visit.keywords)!r}"
        if visit.place == "results":
            return where
        options = json.dumps(dict(sorted(visit.options.items())), ensure_ascii=False)
        return f"{visit.place} {visit.sub_page or '-'} {visit.asin} {options} from {where}"

    def state_digest(self) -> str:
        """sha256 over the setting and everything in the present visit."""
        episode = self._known()
        visit, past = episode.visit, ""
        if _remembers(episode):
            past = f"{episode.history.pages!r}{episode.history.actions!r}"
        text = (
            f"{episode.setting.identity}|{visit.place}|{visit.keywords!r}|{visit.page}|{visit.product}|"
            f"{visit.sub_page}|{visit.reward!r}|{list(visit.options.items())!r}|{sorted(visit.visited)!r}|{past}"
        )
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def admissible_actions(self) -> tuple[str, ...]:
        """A click on everything that can be clicked; where there is a search bar, the search for the instruction.

        Any other search is as valid, on any page.
        """
        episode = self._episode
        if episode is None or episode.over:
            return ()
        if episode.visit.place == "start":
            words = " ".join(episode.setting.goal.instruction.translate(_NO_BRACKETS).split())
            return (f"search[{words or 'anything'}]",)
        if episode.visit.place == "item":
            view = episode.setting.catalogue.view(episode.visit.product)
            return view.item_actions(episode.setting.options.shows_attributes)
        return admissible_clicks(episode.clickables())

    def solution(self) -> tuple[str, ...]:
        """Actions from the start page that buy the product which the goal was made from, with the options it wants.

        Raises:
            LookupError: the goal's product is not sold here, or its title does not find it.
        """
        setting = self._known().setting
        goal = setting.goal
        number = setting.catalogue.find(goal.asin)
        if number is None:
            raise LookupError(f"there is no product {goal.asin!r}")
        query = " ".join(setting.catalogue.product(number).title.translate(_NO_BRACKETS).split())
        found = tuple(setting.search(query.lower()))
        if number not in found:
            raise LookupError(f"{query!r} does not find {goal.asin!r}")
        wished = goal.options if isinstance(goal.options, tuple) else goal.options.values()
        return (
            f"search[{query}]",
            *["click[next >]"] * (found.index(number) // PAGE_SIZE),
            f"click[{goal.asin.lower()}]",
            *(f"click[{value}]" for value in wished),
            "click[buy now]",
        )

    @property
    def goal(self) -> Goal:
        """What is to be bought; for solvers and tests."""
        return self._known().setting.goal

    def price_of(self, asin: str) -> float:
        """What a product costs in this episode.

        Raises:
            LookupError: there is no such product.
        """
        setting = self._known().setting
        number = setting.catalogue.find(asin)
        if number is None:
            raise LookupError(f"there is no product {asin!r}")
        return setting.price_of(number)

    def dump(self) -> bytes:
        """The visit as JSON; what a search found is found again."""
        episode = self._known()
        visit = episode.visit
        content = {
            "place": visit.place, "keywords": visit.keywords, "page": visit.page, "asin": visit.asin,
            "options": dict(visit.options), "visited": sorted(visit.visited), "subPage": visit.sub_page,
            "reward": visit.reward, "steps": episode.steps, "over": episode.over,
        }  # fmt: skip
        if _remembers(episode):
            content |= {"pages": episode.history.pages, "actions": episode.history.actions}
        return json.dumps(content, separators=(",", ":")).encode()

    def restore(self, dumped: bytes) -> None:
        """Continue where :meth:`dump` was called."""
        episode = self._known()
        try:
            content = json.loads(dumped)
            visit = _visit_from(episode.setting, content)
            history = _History(content["pages"], content["actions"]) if _remembers(episode) else _History()
            steps, over = int(content["steps"]), bool(content["over"])
        except (ValueError, TypeError, LookupError, AttributeError, Unanswerable) as error:
            raise InvalidDump(f"these bytes are no dump of this episode: {error}") from error
        episode.enter(visit)
        episode.history, episode.steps, episode.over = history, steps, over

    def close(self) -> None:
        """Forget the episode."""
        self._episode = None

    def _known(self) -> _Episode:
        if self._episode is None:
            raise EpisodeOver("there is no episode: call reset() first")
        return self._episode

    def _live(self) -> _Episode:
        episode = self._known()
        if episode.over:
            raise EpisodeOver("the episode is over: call reset() to start another")
        return episode


_NO_BRACKETS = {ord("["): " ", ord("]"): " "}


def _followed(episode: _Episode, action: str) -> Visit | None:
    """Where an action leads; None = to a purchase."""
    parsed = parsed_action(action) if len(action) <= MAX_ACTION_CHARACTERS else None
    if parsed is not None:
        name, argument = parsed[0], parsed[1].lower()
        shopper = episode.setting.shopper
        if name == "search":
            return shopper.searched(episode.visit, argument)
        if name == "click" and argument != "search":
            target = episode.clickables().get(argument)
            if target is not None:
                return shopper.clicked(episode.visit, argument, target)
    raise _Ignored


def _worth(episode: _Episode) -> Worth:
    setting, visit = episode.setting, episode.visit
    wares, price = setting.catalogue.product(visit.product).wares(), setting.price_of(visit.product)
    judge = strict_worth if setting.options.rules == "strict" else webshop_worth
    return judge(wares, setting.goal, price, visit.options, setting.tag)


def _answered(episode: _Episode, action: str, worth: Worth | None, valid: bool) -> StepResult:
    options = episode.setting.options
    reward = 0.0 if worth is None else worth.reward
    bought, won = worth is not None, reward == 1.0
    truncated = not bought and options.max_steps is not None and episode.steps >= options.max_steps
    episode.over = truncated or (bought and options.rules == "strict")
    return StepResult(
        observation=_with_history(episode, action) if _remembers(episode) else episode.page,
        reward=reward,
        action_valid=valid,
        executed=valid,
        won=won,
        task_score=reward,
        terminated=bought,
        truncated=truncated,
        stop_reason="won" if won else "finished" if bought else "max_steps" if truncated else "",
    )


def _remembers(episode: _Episode) -> bool:
    return bool(episode.setting.options.num_prev_obs or episode.setting.options.num_prev_actions)


def _with_history(episode: _Episode, action: str) -> str:
    """The page after what was seen and done before it, the latest last."""
    observations, actions = episode.setting.options.num_prev_obs, episode.setting.options.num_prev_actions
    history = episode.history
    history.actions.append(action)
    texts = [episode.page]
    for back in range(1, 1 + max(observations, actions)):
        if back <= min(actions, len(history.actions)):
            texts.append(history.actions[-back])
        if back <= min(observations, len(history.pages)):
            texts.append(history.pages[-back])
    history.pages.append(episode.page)
    del history.pages[: -max(1, observations)], history.actions[: -max(1, actions)]
    return SEPARATOR.join(reversed(texts))


def _visit_from(setting: Setting, where: Mapping[str, Json]) -> Visit:
    keywords = tuple(cast("list[str]", where["keywords"]))
    asin = cast("str", where["asin"])
    product = setting.catalogue.find(asin) if asin else -1
    if product is None:
        raise KeyError(asin)
    return Visit(
        place=cast("Place", where["place"]),
        keywords=keywords,
        page=cast("int", where["page"]),
        hits=setting.shopper.found(keywords) if keywords else (),
        product=product,
        asin=asin,
        options=MappingProxyType(cast("dict[str, str]", where["options"])),
        visited=frozenset(cast("list[str]", where["visited"])),
        sub_page=cast("str", where["subPage"]),
        reward=cast("float", where["reward"]),
    )
