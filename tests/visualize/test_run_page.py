"""The picture of a run, as a Chromium without a network shows it."""

import asyncio
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from workflows import Workflow, step
from workflows.events import Event, StartEvent, StopEvent
from workflows.representation import WorkflowStepNode, get_workflow_representation
from workflows.retry_policy import retry_policy, stop_after_attempt, wait_fixed

from alir.visualize.recording import Execution, StepRun, record
from alir.visualize.run_page import draw_run

HOSTILE = "<img src=x onerror=\"document.title='owned'\"> </title><script>1</script>"


class Part(Event):
    number: int = 0


class Counted(Event):
    number: int = 0


class Gone(Event): ...


class Shaky(Workflow):
    """A fan-out with an error, a retry and a step that does not run."""

    failed = False

    @step
    async def split(self, ev: StartEvent) -> list[Part]:
        return [Part(number=number) for number in range(6)]

    @step(num_workers=2, retry_policy=retry_policy(wait=wait_fixed(0), stop=stop_after_attempt(2)))
    async def count(self, ev: Part) -> Counted:
        await asyncio.sleep(0.02)
        if ev.number == 2 and not self.failed:
            self.failed = True
            raise OSError("once")
        return Counted(number=ev.number)

    @step
    async def join(self, ev: list[Counted]) -> StopEvent | Gone:
        return StopEvent()

    @step
    async def mourn(self, ev: Gone) -> StopEvent:
        return StopEvent()


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    async def run() -> Any:
        return await record(Shaky().run(), lambda event: f"{HOSTILE} {type(event).__name__}")

    file = tmp_path_factory.mktemp("run") / "run.html"
    return draw_run(Shaky, asyncio.run(run()), file, about=HOSTILE)


def look(browser: Browser, file: Path, width: int = 1280, *, dark: bool = False) -> Page:
    """Open a page with no network; it may ask for nothing and complain of nothing."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        offline=True,
        color_scheme="dark" if dark else "light",
    )
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: asked.append(message.text))
    page.on("pageerror", lambda error: asked.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_load_state("networkidle")
    assert asked == [file.as_uri()]
    return page


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    found: list[dict[str, float]] = page.locator(selector).evaluate_all(
        """(all) => all.map((one) => {
            const {left, top, right, bottom} = one.getBoundingClientRect();
            return {left, top, right, bottom};
        })"""
    )
    return found


def overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    return (
        one["left"] < other["right"]
        and other["left"] < one["right"]
        and one["top"] < other["bottom"]
        and other["top"] < one["bottom"]
    )


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_text_stands_on_another_and_no_bar_outside_its_lane(
    picture: Path, width: int, dark: bool, browser: Browser
) -> None:
    page = look(browser, picture, width, dark=dark)

    texts = (
        "svg text, h1, h2, header p, td, th, .lane b, .axis span, .legend li, .messages span, time"
    )
    seen = [box for box in boxes(page, texts) if box["right"] > box["left"]]
    assert len(seen) > 50
    # Half a pixel: boxes of lines that follow each other may touch.
    shrunk = [
        {**box, "top": box["top"] + 1.5, "bottom": box["bottom"] - 1.5, "left": box["left"] + 0.5}
        for box in seen
    ]
    assert [pair for pair in combinations(shrunk, 2) if overlap(*pair)] == []

    lanes = page.locator(".track").all()
    assert len(lanes) == 4
    for lane in lanes:
        track = lane.bounding_box()
        assert track is not None
        for bar in lane.locator("i").all():
            box = bar.bounding_box()
            assert box is not None
            assert box["width"] >= 2.9
            assert box["x"] >= track["x"] - 0.1
            assert box["x"] + box["width"] <= track["x"] + track["width"] + 0.1
            assert box["y"] >= track["y"]
            assert box["y"] + box["height"] <= track["y"] + track["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("getComputedStyle(document.querySelector('svg text')).fontSize") == "13px"


def lines_outside_their_box(page: Page) -> list[str]:
    found: list[str] = page.locator("svg g").evaluate_all(
        """(all) => all.flatMap((group) => {
            const frame = group.querySelector("rect").getBoundingClientRect();
            return [...group.querySelectorAll("text")].filter((line) => {
                const {left, top, right, bottom} = line.getBoundingClientRect();
                return left < frame.left || right > frame.right
                    || top < frame.top || bottom > frame.bottom;
            }).map((line) => line.textContent);
        })"""
    )
    return found


def test_every_workflow_that_ran_with_errors_is_drawn_without_overlap(
    workflow: type[Workflow], browser: Browser, tmp_path: Path
) -> None:
    steps = [
        node.id
        for node in get_workflow_representation(workflow).nodes
        if isinstance(node, WorkflowStepNode)
    ]
    runs = [
        StepRun(name, str(worker), 0.0, 1234.5, "StartEvent", None, "raised", is_retry=True)
        for name in steps
        for worker in range(12)
    ]
    run = Execution(1234.5, "failed", "why", runs, messages=[], waits=[(1.0, 2.0)])
    page = look(browser, draw_run(workflow, run, tmp_path / "run.html"))

    assert page.locator("svg .line2").all_text_contents() == ["! 12 errors, 12 retries"] * len(
        steps
    )
    frames = boxes(page, "svg rect")
    assert [pair for pair in combinations(frames, 2) if overlap(*pair)] == []
    assert lines_outside_their_box(page) == []


def test_the_graph_says_how_often_each_step_ran_and_which_did_not(
    picture: Path, browser: Browser
) -> None:
    page = look(browser, picture)
    said = {
        lines[0]: lines[1:]
        for one in page.locator("svg g").all()
        if (lines := one.locator("text").all_text_contents())
    }

    assert lines_outside_their_box(page) == []
    assert said["mourn"] == ["did not run"]
    assert re.fullmatch(r"7×, 2 at once · .*s", said["count"][0])
    assert said["count"][1] == "! 1 error, 1 retry"
    unseen = page.locator("svg g.unseen text:first-of-type").all_text_contents()
    assert sorted(unseen) == ["Gone", "mourn"]
    row = page.locator("tbody tr", has_text="count").locator("td").all_text_contents()
    assert (row[:2], row[-2:]) == (["7", "2"], ["1", "1"])


def test_errors_and_retries_are_marked_by_more_than_colour(picture: Path, browser: Browser) -> None:
    page = look(browser, picture)

    assert page.locator(".track .raised").count() == page.locator(".track .retry").count() == 1
    raised = page.locator(".track .raised").get_attribute("title")
    assert raised is not None
    assert re.fullmatch(r"count: .*; took Part; raised", raised)
    style = "(bar) => getComputedStyle(bar)"
    for name, plain in (("backgroundImage", "none"), ("borderTopStyle", "none")):
        assert page.locator(".track .raised").evaluate(f"{style}.{name}") != plain
    assert page.locator(".track .retry").evaluate(f"{style}.borderTopStyle") == "double"


def test_what_was_asked_and_told_is_text_and_never_markup(picture: Path, browser: Browser) -> None:
    page = look(browser, picture)

    assert page.title() == "A run of Shaky"
    assert page.locator("header p").first.inner_text() == HOSTILE
    assert page.locator(".messages span").all_inner_texts() == [f"{HOSTILE} StopEvent"]
    assert page.locator("img, script").count() == 0
    assert "Content-Security-Policy\" content=\"default-src 'none'" in picture.read_text("utf-8")
