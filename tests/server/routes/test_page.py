"""The page in a real browser, on a service that really answers."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Error, Page, async_playwright, expect

from alir.testing import OpenAIServer, Say

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
QUESTION = "Where do bees keep their honey?"
BEES = (
    "🐝 Ants dig tunnels below the ground.\n\nBees keep their honey in combs of wax.\n\n"
    "<img src=x onerror=alert(1)> <script>alert(2)</script> is no honey that bees keep.\n"
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: make browser")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


class Visit:
    """A page that is open, and what went wrong in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on(
            "console", lambda one: self.complaints.append(one.text) if one.type == "error" else 0
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._refuse)
        page.on("request", lambda one: self.asked.append(one.url))
        self.url = url

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    async def _refuse(self, dialog: Any) -> None:
        self.complaints.append(f"a dialog: {dialog.message}")
        await dialog.dismiss()

    async def open(self) -> None:
        await self.page.goto(self.url)
        await expect(self.page.locator("#graph svg")).to_be_visible()

    async def ask(self, question: str = QUESTION) -> None:
        await self.page.get_by_label("Question").fill(question)
        await self.page.keyboard.press("Enter")
        await expect(self.page.locator("#state")).to_have_text("Answered.")

    def check(self) -> None:
        """Nothing was complained of, and nothing asked of anybody else."""
        assert self.complaints == []
        assert all(url.startswith(self.url) for url in self.asked)


@pytest.fixture
async def visit(browser: Browser, served: Any) -> AsyncIterator[Visit]:
    await served.hold(served.client, bees=BEES)
    visit = Visit(await browser.new_page(), served.url)
    await visit.open()
    yield visit
    visit.check()


async def test_a_citation_opens_its_source_at_the_quote(visit: Visit) -> None:
    await visit.ask()

    await visit.page.get_by_label("Citation 1: open").first.click()

    reader = visit.page.get_by_role("dialog")
    await expect(reader.get_by_role("heading")).to_contain_text("bees.txt")
    quoted = await visit.page.locator("#citations q").first.text_content()
    await expect(reader.locator("mark")).to_have_text(quoted or "nothing")
    await expect(reader.locator("mark")).to_be_in_viewport()
    await expect(reader.locator("pre")).to_contain_text("🐝 Ants dig tunnels")


async def test_what_a_document_says_is_text_and_nothing_else(visit: Visit) -> None:
    await visit.ask("What is no honey that bees keep? script alert img")

    await visit.page.locator("button.cite").first.click()
    await expect(visit.page.locator("#read mark")).to_be_visible()

    assert await visit.page.locator("main img, main script, dialog img, dialog script").count() == 0
    await expect(visit.page.locator("#read")).to_contain_text("<script>alert(2)</script>")


async def test_the_picture_shows_what_ran(visit: Visit) -> None:
    assert await visit.page.locator("g.step:not(.unseen)").count() == 0

    await visit.ask()

    ran = visit.page.locator("g.step:not(.unseen):not(.busy) text.line0")
    assert {"plan", "search_dense", "fuse", "synthesize"} <= {*await ran.all_text_contents()}
    await expect(visit.page.locator('g[data-name="plan"] .line1')).to_contain_text("1×")
    await expect(visit.page.locator('g[data-name="rerank"] .line1')).to_contain_text("did not run")
    await expect(visit.page.locator("#told")).to_contain_text("plan once")


async def test_a_file_is_chosen_taken_in_found_and_deleted(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "wasps.txt"
    file.write_text("Wasps build their nests of paper.")
    page = visit.page

    await page.get_by_label("Drop files here").set_input_files(file)

    await expect(page.get_by_role("button", name="Dismiss wasps.txt")).to_be_visible()
    row = page.locator("#held li", has_text="wasps.txt")
    await expect(row).to_contain_text("1 chunk")
    await visit.ask("What do wasps build their nests of?")
    await expect(page.locator("#text")).to_contain_text("nests of paper")

    page.remove_listener("dialog", visit._refuse)
    page.once("dialog", lambda dialog: dialog.accept())
    await row.get_by_role("button", name="Delete").click()
    await expect(row).to_have_count(0)


async def test_dropped_files_are_taken_in(visit: Visit) -> None:
    dropped = await visit.page.evaluate_handle(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["Moths fly at night."], "moths.txt"));
            return data;
        }"""
    )
    await visit.page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})

    await expect(visit.page.locator("#held li", has_text="moths.txt")).to_contain_text("1 chunk")


async def test_a_file_that_cannot_be_read_says_why_and_can_be_tried_again(
    visit: Visit, tmp_path: Path
) -> None:
    file = tmp_path / "torn.pdf"
    file.write_bytes(b"%PDF-1.7 torn")
    page = visit.page

    await page.get_by_label("Drop files here").set_input_files(file)

    row = page.locator("#held li", has_text="torn.pdf")
    await expect(row.locator(".failed")).not_to_be_empty()
    await row.get_by_role("button", name="Retry").click()
    await expect(page.locator("#ingestions li")).to_have_count(2)
    await expect(page.locator("#ingestions .failed")).to_have_count(2)


async def test_a_question_that_cannot_be_answered_says_why(browser: Browser, served: Any) -> None:
    visit = Visit(await browser.new_page(), served.url)
    await visit.open()  # nothing was ingested

    await visit.page.get_by_label("Question").fill(QUESTION)
    await visit.page.get_by_role("button", name="Ask").click()

    await expect(visit.page.locator("#notes .problem")).to_contain_text("ingest")
    await expect(visit.page.get_by_role("button", name="Ask")).to_be_enabled()


async def test_the_keyboard_is_enough(visit: Visit) -> None:
    page = visit.page
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")  # the link past what stands before the question
    await page.get_by_label("Question").focus()
    await page.keyboard.type(QUESTION)
    await page.keyboard.press("Enter")
    await expect(page.locator("#state")).to_have_text("Answered.")
    for _ in range(8):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.className === 'cite'"):
            break
    await page.keyboard.press("Enter")
    await expect(page.locator("#read mark")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert await page.evaluate("document.activeElement.className") == "cite"


@pytest.mark.parametrize(("theme", "width"), [("light", 390), ("dark", 1280)])
async def test_it_is_accessible_and_fits(
    browser: Browser, served: Any, theme: Any, width: int
) -> None:
    await served.hold(served.client, bees=BEES)
    page = await browser.new_page(
        color_scheme=theme, viewport={"width": width, "height": 844}, reduced_motion="reduce"
    )
    visit = Visit(page, served.url)
    await visit.open()
    await page.get_by_label("Search part by part").check()
    await page.get_by_label("Conversation").select_option("A new one")
    await visit.ask()

    found = await Axe().run(page)
    assert [one["id"] for one in found.response["violations"]] == []
    picture = await page.locator("#graph svg").bounding_box()
    assert picture is not None
    assert picture["x"] >= 0
    assert picture["x"] + picture["width"] <= width
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    await page.locator("button.cite").first.click()
    await expect(page.locator("#read mark")).to_be_visible()
    found = await Axe().run(page)
    assert [one["id"] for one in found.response["violations"]] == []


async def test_what_is_taken_apart_is_told_kept_and_deleted(
    visit: Visit,
) -> None:
    page = visit.page
    await page.get_by_label("Search part by part").check()
    await expect(page.locator('#graph g[data-name="decompose"]')).to_be_visible()
    talk = page.get_by_label("Conversation")
    await talk.select_option("A new one")
    await visit.ask("Where do bees keep their honey, and how do zebras swim?")

    parts = page.locator("#parts > li")
    await expect(parts).to_have_count(2)
    await expect(parts.nth(0)).to_contain_text("found")
    await expect(parts.nth(0)).to_contain_text("in bees.txt")
    await expect(parts.nth(1)).to_contain_text("In other words: “zebras swim”")
    await expect(parts.nth(1).locator(".failed")).to_have_text("given up")
    await expect(page.locator('g[data-name="rewrite"] .line1')).to_contain_text("×")
    name = await talk.input_value()
    assert name.startswith("where-do-bees-keep-their-honey-")

    await page.get_by_label("Question").fill("What are they made of?")
    await page.get_by_role("button", name="Ask").click()
    await expect(page.locator("#understood")).to_contain_text("Where do bees")
    await expect(page.locator("#state")).to_have_text("Answered.")
    await expect(page.locator("#turns summary")).to_contain_text(["Where do bees"])
    await page.locator("#turns summary").click()
    await expect(page.locator("#turns p")).to_contain_text("combs of wax")

    page.remove_listener("dialog", visit._refuse)
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Delete it").click()
    await expect(page.locator("#state")).to_have_text(f"{name} is deleted.")
    await expect(talk.locator("option")).to_have_count(2)
    await expect(page.locator("#earlier")).to_be_hidden()
    await page.get_by_label("Search once").check()
    await expect(page.locator('#graph g[data-name="search_dense"]')).to_be_visible()


async def test_a_doubt_is_settled_and_the_result_rated_by_keyboard(
    browser: Browser, serving: Any
) -> None:
    def reply(request: dict[str, Any]) -> Say:
        is_asked = request["messages"][0]["content"].startswith("Somebody asks a question.")
        return Say("Where is honey sold?\nWhere do <b>bees</b> keep it?" if is_asked else "")

    with OpenAIServer(reply) as server:
        async with serving(llm_base_url=server.base_url, llm_model="m") as served:
            await served.hold(served.client, bees=BEES)
            page = await browser.new_page()
            visit = Visit(page, served.url)
            await visit.open()
            await page.get_by_label("Search part by part").check()
            await page.get_by_label("It may ask me").check()
            await page.get_by_label("Question").fill("Where is it?")
            await page.keyboard.press("Enter")
            await expect(page.locator("#meant")).to_be_focused()
            found = await Axe().run(page)
            assert [one["id"] for one in found.response["violations"]] == []
            for key in ("Tab", "Tab", "Enter"):
                await page.keyboard.press(key)

            await expect(page.locator("#state")).to_have_text("Answered.")
            await expect(page.locator("#meant")).to_be_hidden()
            await expect(page.locator("#parts > li")).to_contain_text("<b>bees</b>")
            await page.get_by_label("A bad answer").press("Enter")
            await expect(page.get_by_label("A bad answer")).to_have_attribute(
                "aria-pressed", "true"
            )
            await page.get_by_label("Why?").fill("Which combs?")
            await page.keyboard.press("Enter")
            await expect(page.locator("#thanks")).to_contain_text("kept, too")
            visit.check()
            await page.close()
            [one] = (await served.client.get("/v1/feedback")).json()["feedback"]

    assert (one["rating"], one["comment"]) == ("down", "Which combs?")
    assert one["answer"]["question"] == "Where is it?"


async def test_a_locked_service_asks_the_browser_for_a_key(browser: Browser, served: Any) -> None:
    await served.hold(served.client, bees=BEES)
    secret = served.secret("read")
    shut = await browser.new_page()
    with pytest.raises(Error, match="AUTH_CREDENTIALS"):  # nobody is there to type one in
        await shut.goto(served.url)

    context = await browser.new_context(
        http_credentials={"username": "anybody", "password": secret}
    )
    visit = Visit(await context.new_page(), served.url)
    await visit.open()
    await visit.ask()
    await expect(visit.page.locator("#citations li")).not_to_have_count(0)


async def test_the_page_of_the_api_is_accessible_and_fits(browser: Browser, served: Any) -> None:
    page = await browser.new_page(color_scheme="dark", viewport={"width": 390, "height": 844})
    visit = Visit(page, served.url)
    await page.goto(f"{served.url}/docs")

    found = await Axe().run(page)

    assert [one["id"] for one in found.response["violations"]] == []
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    visit.check()
