"""The console in a browser: each page opened and used, on a server with real runs."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from assay import Client
from assay.rollouts import Rollout
from assay.runs import RunConfig
from assay_server.store.redis.private_server import PrivateRedis, program

from .browsing import Look, Site, Visit, site, visiting
from .runs import HOSTILE, HOSTILE_ID

CHROMIUM = shutil.which("chromium")
expect.set_options(timeout=30_000)
pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]

PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "overview": ("", {}),
    "runs": ("runs", {}),
    "run": ("run", {"run": "problems"}),
    "compared": ("run", {"run": "problems", "compare": "houses"}),
    "group": ("group", {"run": "houses", "group": "house-10"}),
    "answers": ("group", {"run": "problems", "group": "train-speed.1"}),
    "rollout": ("rollout", {"run": "problems", "rollout": "bakery-trays.1.0"}),
    "episode": ("rollout", {"run": "houses", "rollout": "house-10.3"}),
    "unscored": ("rollout", {"run": "problems", "rollout": "unscored"}),
    "catalogue": ("catalogue", {"q": "gigpo"}),
    "playground": ("playground", {}),
    "environment": ("playground", {"tab": "environment"}),
}

Visiting = Callable[..., AbstractContextManager[Visit]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    with site(tmp_path_factory.mktemp("served")) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def visit(served: Site, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Visiting:
    """Screenshots are kept in pytest's folder for temporary files."""
    return partial(visiting, browser, served, tmp_path_factory.mktemp("screenshots"))


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_every_page_is_whole(visit: Visiting, look: Look):
    with visit(look) as seen:
        for name, (page, parameters) in PAGES.items():
            seen.open(page, **parameters)
            expect(seen.page.locator("[aria-busy]")).to_have_count(0)
            expect(seen.page.locator("main .wrong")).to_have_count(1 if name == "unscored" else 0)
            expect(seen.page.locator(".picture:empty")).to_have_count(0)
            seen.keep(f"{look}-{name}")
            assert not seen.is_wider_than_the_screen(), name
            assert seen.accessibility() == [], name
            assert seen.page.locator("main").count() == seen.page.locator("header").count() == 1
            assert seen.page.locator("h1").count() == 1
            assert seen.page.evaluate("[...document.images].every((one) => one.hasAttribute('alt'))")


def test_nothing_is_shown_before_the_token(visit: Visiting, served: Site):
    with visit(signed_in=False) as seen:
        seen.open("runs")
        assert "Sign in" in seen.text()
        seen.page.get_by_label("Token").fill("nonsense")
        seen.page.keyboard.press("Enter")
        expect(seen.page.get_by_text("does not take this token")).to_be_visible()
        seen.page.get_by_label("Token").fill(served.token)
        seen.page.get_by_role("button", name="Sign in").click()
        expect(seen.page.get_by_role("link", name="problems")).to_be_visible()
    with visit(signed_in=False) as seen:
        seen.page.goto(f"{served.origin}/console/#token={served.token}")
        expect(seen.page.get_by_role("heading", name="Overview")).to_be_visible()
        assert served.token not in seen.page.url


def test_the_overview_lives(visit: Visiting, served: Site):
    with visit() as seen:
        seen.open()
        answered = seen.page.locator(".tiles div", has=seen.page.get_by_text("Answered", exact=True)).locator("dd")
        before = int(answered.inner_text().replace(",", ""))
        with Client(served.target, token=served.token) as client:
            run = RunConfig(run_id="meanwhile", reward="math")
            with client.stream(run=run, consumer="c") as stream:
                stream.send_many(
                    Rollout(f"r{n}", f"r{n}", 1, reference={"answer": "1"}, response="A: 1") for n in range(7)
                )
                stream.finish()
                assert len(list(stream)) == 14
        expect(answered).to_have_text(f"{before + 7:,}")
        expect(seen.page.get_by_role("heading", name="Throughput")).to_be_visible()


def test_runs_are_compared_and_reported(visit: Visiting, tmp_path: Path):
    with visit() as seen:
        seen.open("runs")
        seen.page.get_by_role("link", name="problems").click()
        expect(seen.page.get_by_role("heading", name="Pass rate by task type")).to_be_visible()
        reward = seen.page.get_by_role("img", name=re.compile("^Reward:"))
        reward.focus()
        seen.page.keyboard.press("Home")
        expect(seen.page.locator("output").first).to_contain_text("step")
        seen.page.get_by_label("Compare with").select_option("houses")
        expect(seen.page.get_by_text("reward (second)").first).to_be_visible()
        with seen.page.expect_download() as download:
            seen.page.get_by_role("button", name="Report as one file").click()
        download.value.save_as(tmp_path / "report.html")
        seen.page.get_by_label("Which").last.select_option("easiest")
        expect(seen.page.locator("meter").first).to_be_visible()
        seen.page.get_by_label("Which").first.select_option("degenerate")
        seen.page.locator("section", has=seen.page.get_by_role("heading", name="Groups")).get_by_role(
            "link"
        ).first.click()
        expect(seen.page.get_by_role("heading", name="Answers")).to_be_visible()
    context = seen.page.context.browser
    assert context is not None
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith("file:") else None)
    page.goto((tmp_path / "report.html").as_uri())
    expect(page.get_by_role("img", name=re.compile("^Reward:"))).to_be_visible()
    expect(page.get_by_role("heading", name="Hardest prompts")).to_be_visible()
    page.screenshot(path=seen.folder / "report.png", full_page=True)
    page.close()
    assert wrong == []


def test_a_group_is_explored(visit: Visiting):
    with visit() as seen:
        seen.open("group", run="houses", group="house-10")
        first = seen.page.locator(".graph .node[tabindex='0']")
        first.focus()
        panel = seen.page.locator("section[aria-live]")
        before = panel.inner_text()
        seen.page.keyboard.press("ArrowRight")
        seen.page.keyboard.press("Enter")
        expect(panel).not_to_have_text(before, use_inner_text=True)
        expect(seen.page.locator(".graph .node.chosen")).to_have_count(1)
        seen.page.locator(".strip .cell").last.click()
        expect(panel).to_contain_text("What was done in this state")
        states = seen.page.locator(".graph .node:not(.end)")
        by_observation = states.count()
        seen.page.get_by_label("What names a state").select_option("state + history")
        expect(seen.page.get_by_text("Computed now")).to_be_visible()
        by_history = states.count()
        assert by_history > by_observation
        seen.page.get_by_label("Earlier states in the name").fill("3")
        seen.page.keyboard.press("Tab")
        expect(states).not_to_have_count(by_history)
        seen.keep("group-by-history")
        seen.page.get_by_label("What names a state").select_option("observation")
        expect(states).to_have_count(by_observation)
        seen.page.get_by_text("Every visit").click()
        panel.get_by_role("link").first.click()
        expect(seen.page.get_by_role("heading", name=re.compile("^Rollout house-10"))).to_be_visible()


def test_a_rollout_says_why_and_is_scored_again(visit: Visiting):
    with visit() as seen:
        seen.open("rollout", run="problems", rollout="bakery-trays.1.0")
        expect(seen.page.locator("mark")).to_have_text("25")
        expect(seen.page.get_by_text("equals the reference")).to_be_visible()
        seen.page.get_by_label("Reward").select_option(label="text/exact_match-v1")
        seen.page.get_by_role("button", name="Score again").click()
        expect(seen.page.get_by_text("First result 1; this reward gives 0")).to_be_visible()
        seen.keep("rescored")


def test_texts_are_shown_and_do_nothing(visit: Visiting):
    with visit() as seen:
        for index, text in enumerate(HOSTILE):
            seen.open("rollout", run="hostile", rollout=f"{HOSTILE_ID}.{index}")
            shown = seen.page.locator("main section pre.prose").first.inner_text()
            plain = re.sub(r"[^ -~\n]", "", text)
            assert re.sub(r"ESC|U\+[0-9A-F]{4}", "", shown).strip() == plain.strip()
            odd = seen.page.locator("main section pre.prose").first.locator(".odd").count()
            assert odd == len(re.findall(r"[^ -~\n]", text))
            assert seen.page.locator("main script, main img, main style, main b").count() == 0
        seen.open("group", run="hostile", group=HOSTILE_ID)
        assert HOSTILE_ID in seen.page.inner_text("h1")
        assert "<script>" in seen.text()
        seen.keep("hostile")
        seen.open("run", run="hostile")
        expect(seen.page.get_by_text(HOSTILE_ID).first).to_be_visible()
        assert seen.page.title() == "Run – Assay"
        assert seen.page.locator("main b").count() == 0


def test_the_catalogue_explains(visit: Visiting):
    with visit() as seen:
        seen.open("catalogue")
        seen.page.get_by_label("Search").fill("gigpo")
        seen.page.get_by_text("advantage/gigpo-v1").click()
        expect(seen.page.get_by_text("Version advantage/gigpo-v1@")).to_be_visible()
        seen.page.get_by_label("Search").fill("keydoor")
        expect(seen.page.get_by_role("heading", name="Environments (1)")).to_be_visible()


def test_the_playground_scores_and_plays(visit: Visiting, served: Site):
    with visit() as seen:
        seen.open("playground")
        seen.page.get_by_role("button", name="Score", exact=True).click()
        expect(seen.page.locator("mark")).to_have_text("42")
        seen.page.get_by_role("tab", name="An answer").press("ArrowRight")
        expect(seen.page.get_by_label("Program")).to_be_visible()
        if runs_code(served):
            seen.page.get_by_role("button", name="Run", exact=True).click()
            expect(seen.page.locator(".tiles dd").first).to_have_text("yes")
        seen.page.get_by_role("tab", name="An environment").click()
        seen.page.get_by_role("button", name="Begin").click()
        actions = seen.page.get_by_role("group", name="Admissible actions").get_by_role("button")
        actions.first.click()
        step = seen.page.locator(".tiles div", has=seen.page.get_by_text("Step", exact=True)).locator("dd")
        expect(step).to_have_text("1")
        seen.page.get_by_label("Another action").fill("fly")
        seen.page.keyboard.press("Enter")
        expect(step).to_have_text("2")
        expect(seen.page.get_by_text("not valid")).to_be_visible()
        seen.keep("played")


def test_a_query_is_compared(visit: Visiting):
    with visit() as seen:
        seen.open("playground", tab="query")
        query = seen.page.get_by_label("Query, alone")
        compare = seen.page.get_by_role("button", name="Compare")
        compare.click()
        expect(seen.page.locator(".note.wrong")).to_contain_text("NAME")
        right = {"sql": "SELECT name FROM things WHERE price > 50", "database": "shop"}
        seen.page.get_by_label("Reference, as JSON").fill(json.dumps(right))
        for written, verdict in (
            ("SELECT t.name FROM things t WHERE t.price >= 51", "correct"),
            ("SELECT name FROM things", "incorrect"),
            ("SELECT nme FROM things", "incorrect"),
        ):
            query.fill(written)
            compare.click()
            expect(seen.page.locator(".tiles dd").nth(1)).to_have_text(verdict)
            expect(seen.page.locator("mark")).to_have_text(written)
            seen.keep(f"query-{verdict}")
        expect(seen.page.get_by_text("no such column")).to_be_visible()
        query.fill("First the prices.\n```sql\nSELECT name FROM things WHERE price > 50\n```\n")
        compare.click()
        expect(seen.page.locator("mark")).to_have_text("SELECT name FROM things WHERE price > 50")
        expect(seen.page.locator(".tiles dd").nth(1)).to_have_text("correct")
        seen.keep("query-in-an-answer")
        assert seen.accessibility() == []
        seen.page.get_by_label("Reference, as JSON").fill("{")
        compare.click()
        expect(seen.page.locator(".note.wrong")).to_contain_text("Reference")


def runs_code(served: Site) -> bool:
    """Whether this machine can isolate untrusted code."""
    request = urllib.request.Request(f"{served.origin}/sandboxz", headers={"authorization": f"Bearer {served.token}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["isolation"] in ("full", "floor")
    except urllib.error.HTTPError:
        return False


def test_the_keyboard_reaches_everything_in_order(visit: Visiting):
    with visit() as seen:
        seen.open("playground")
        reached: list[str] = []
        for _ in range(40):
            seen.page.keyboard.press("Tab")
            name = seen.page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")
            outline = seen.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            if name and reached and name == reached[0]:
                break
            if seen.page.evaluate("document.activeElement !== document.body"):
                reached.append(str(name))
                assert outline != "none", name
        wanted = ["To the content", "Assay", "Overview", "Runs", "Catalogue", "Playground", "theme", "tab-answer",
                  "answer-reward", "answer-params", "prompt", "reference", "response", "Score"]  # fmt: skip
        assert reached[: len(wanted)] == wanted
        seen.open("runs")
        seen.page.keyboard.press("Tab")
        seen.page.keyboard.press("Enter")
        assert seen.page.evaluate("document.activeElement.id") == "page"


def test_the_runs_of_a_fleet_are_shown(browser: Browser, tmp_path: Path):
    if program() is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="assay-") as short, PrivateRedis(Path(short)) as redis:
        fleet = {
            "ASSAY_STORE": redis.url,
            "ASSAY_RECORDS": str(tmp_path / "records"),
            "ASSAY_LEASE_SECONDS": "0.5",
            "ASSAY_CONTROL_SECONDS": "2",
        }
        with site(tmp_path, fleet) as served, visiting(browser, served, tmp_path) as seen:
            seen.open("runs")
            seen.page.get_by_role("link", name="houses").click()
            expect(seen.page.get_by_role("img", name=re.compile("^Reward:"))).to_be_visible()
            seen.keep("fleet-run")
            seen.open("group", run="houses", group="house-10")
            expect(seen.page.get_by_role("heading", name="States and actions")).to_be_visible()
            open_when_settled(seen, "houses", "house-10")
            expect(seen.page.get_by_role("heading", name="States and actions")).to_be_visible()
            expect(seen.page.get_by_text("Computed now from the stored rollouts")).to_be_visible()
            seen.keep("fleet-group")
            seen.page.get_by_label("What names a state").select_option("state + history")
            seen.page.get_by_text("Every visit").click()
            seen.page.locator("section[aria-live]").get_by_role("link").first.click()
            expect(seen.page.get_by_role("heading", name=re.compile("^Rollout house-10"))).to_be_visible()
            seen.page.get_by_label("Reward").select_option(label="reward/episode_return-v1")
            seen.page.get_by_role("button", name="Score again").click()
            expect(seen.page.get_by_text("The first one stays as it was sent")).to_be_visible()
            seen.keep("fleet-rollout")
            open_when_settled(seen, "problems", "train-speed.1")
            expect(seen.page.get_by_role("heading", name="Answers")).to_be_visible()
            expect(seen.page.get_by_text("Advantages are no longer held")).to_be_visible()
            seen.keep("fleet-answers")
            assert seen.accessibility() == []


def open_when_settled(seen: Visit, run: str, group: str) -> None:
    """Open a group when the fleet has put it aside."""
    deadline = time.monotonic() + 60.0
    seen.open("group", run=run, group=group)
    while not seen.page.get_by_text("What the trainer was sent for it is no longer held").count():
        assert time.monotonic() < deadline
        seen.open("group", run=run, group=group)


def test_light_and_dark_are_remembered(visit: Visiting):
    with visit("dark") as seen:
        seen.open("runs")
        background = "getComputedStyle(document.documentElement).backgroundColor"
        dark = seen.page.evaluate(background)
        seen.page.get_by_role("button", name="Switch between light and dark").click()
        light = seen.page.evaluate(background)
        assert light != dark
        seen.page.reload()
        seen.page.wait_for_selector("main h1")
        assert seen.page.evaluate(background) == light
