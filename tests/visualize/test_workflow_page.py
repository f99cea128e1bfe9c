"""The pages of `draw_flow`, as a Chromium without a network shows them."""

import re
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import pytest
from llama_index.utils import workflow as library
from playwright.sync_api import Browser, Page
from workflows import Workflow, step
from workflows.events import Event, StartEvent, StopEvent

from alir.visualize.workflow_page import draw_flow

WINDOW = {"width": 1280, "height": 800}


class Ask(StartEvent): ...


class Answer(StopEvent): ...


@dataclass
class Visit:
    """A page as it was opened with no network, and all that it tried or complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def boxes(self) -> dict[str, dict[str, float]]:
        """By label: left, top, right and bottom in CSS pixels within the canvas."""
        # `getBoundingBox` would add the radius of the corners to all sides.
        found: dict[str, dict[str, float]] = self.page.evaluate(
            """() => Object.fromEntries(nodes.get({filter: (node) => node.label}).map((node) => {
                const {left, top, width, height} = network.body.nodes[node.id].shape;
                const from = network.canvasToDOM({x: left, y: top});
                const to = network.canvasToDOM({x: left + width, y: top + height});
                return [node.label, {left: from.x, top: from.y, right: to.x, bottom: to.y}];
            }))"""
        )
        return found

    def pixel(self, x: float, y: float) -> tuple[int, ...]:
        """Red, green, blue and opacity of the canvas at a place in CSS pixels."""
        found = self.page.evaluate(
            """([x, y]) => {
                const canvas = document.querySelector("#flow canvas");
                const scale = canvas.width / canvas.clientWidth;
                const context = canvas.getContext("2d");
                return [...context.getImageData(x * scale, y * scale, 1, 1).data];
            }""",
            [x, y],
        )
        return tuple(found)

    @property
    def scale(self) -> float:
        return float(self.page.evaluate("network.getScale()"))


def visit(browser: Browser, file: Path, *, dark: bool = False) -> Visit:
    context = browser.new_context(
        viewport=WINDOW,  # type: ignore[arg-type]
        offline=True,
        color_scheme="dark" if dark else "light",
    )
    opened = Visit(context.new_page())
    opened.page.on("request", lambda request: opened.requests.append(request.url))
    opened.page.on("console", lambda message: opened.complaints.append(message.text))
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.page.goto(file.as_uri())
    opened.page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => drawn()))")
    return opened


def wait_until(page: Page, condition: str) -> None:
    """Wait for it from outside: the page's own policy forbids Playwright's way, which evaluates."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {condition}")


def nodes_of(workflow: type[Workflow]) -> dict[str, str]:
    """Labels to colours, as LlamaIndex's own Mermaid drawing has them."""
    mermaid = library.draw_all_possible_flows_mermaid(workflow, filename="")
    return dict(re.findall(r'"(\w+)"[\])]+:::(\w+)', mermaid))


def test_the_page_asks_for_nothing_but_itself_and_complains_of_nothing(
    workflow: type[Workflow], browser: Browser, tmp_path: Path
) -> None:
    file = draw_flow(workflow, tmp_path / "flow.html", title="A flow")

    opened = visit(browser, file)
    opened.page.wait_for_load_state("networkidle")

    assert opened.requests == [file.as_uri()]
    assert opened.complaints == []


def test_every_step_and_event_is_drawn_inside_the_canvas_and_apart_from_the_others(
    workflow: type[Workflow], browser: Browser, tmp_path: Path
) -> None:
    opened = visit(browser, draw_flow(workflow, tmp_path / "flow.html", title="A flow"))
    boxes = opened.boxes

    assert boxes.keys() == nodes_of(workflow).keys()
    canvas = opened.page.locator("#flow canvas").bounding_box()
    assert canvas is not None
    for box in boxes.values():
        assert box["left"] >= 0
        assert box["top"] >= 0
        assert box["right"] <= canvas["width"]
        assert box["bottom"] <= canvas["height"]
    for one, other in combinations(boxes.values(), 2):
        assert (
            one["right"] < other["left"]
            or other["right"] < one["left"]
            or one["bottom"] < other["top"]
            or other["bottom"] < one["top"]
        )
    assert 15 * opened.scale >= 10, "letters of fewer pixels cannot be read"


@pytest.mark.parametrize("dark", [False, True])
def test_every_node_has_the_colour_that_the_legend_gives_its_kind(
    workflow: type[Workflow], dark: bool, browser: Browser, tmp_path: Path
) -> None:
    opened = visit(browser, draw_flow(workflow, tmp_path / "flow.html", title="A flow"), dark=dark)
    kinds = {
        "stepStyle": "step",
        "startEventStyle": "start",
        "stopEventStyle": "stop",
        "defaultEventStyle": "event",
    }
    boxes = opened.boxes

    for label, style in nodes_of(workflow).items():
        box = boxes[label]
        # Left of the first letter, at half the height: the box's own colour.
        seen = opened.pixel(box["left"] + 6 * opened.scale, (box["top"] + box["bottom"]) / 2)
        assert seen[3] == 255, f"{label} is not painted"
        if style in kinds:
            legend = opened.page.locator(f".legend .{kinds[style]}")
            colour = legend.evaluate("(swatch) => getComputedStyle(swatch).backgroundColor")
            assert f"rgb{seen[:3]}" == colour


def test_the_page_follows_the_colour_scheme_while_it_is_open(
    ask_once: type[Workflow], browser: Browser, tmp_path: Path
) -> None:
    opened = visit(browser, draw_flow(ask_once, tmp_path / "flow.html", title="A flow"))
    box = opened.boxes["fuse"]
    place = box["left"] + 6 * opened.scale, (box["top"] + box["bottom"]) / 2
    light = opened.pixel(*place)

    opened.page.emulate_media(color_scheme="dark")
    opened.page.wait_for_timeout(200)

    assert sum(light[:3]) > 600
    assert sum(opened.pixel(*place)[:3]) < 300


def test_a_wheel_scrolls_the_page_and_zooms_the_picture_with_ctrl(
    ask_once: type[Workflow], browser: Browser, tmp_path: Path
) -> None:
    opened = visit(browser, draw_flow(ask_once, tmp_path / "flow.html", title="A flow"))
    page, fitted = opened.page, opened.scale
    page.mouse.move(640, 400)

    page.mouse.wheel(0, 150)
    wait_until(page, "scrollY > 0")
    assert opened.scale == fitted

    page.evaluate("scrollTo(0, 0)")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -150)
    page.keyboard.up("Control")
    wait_until(page, f"network.getScale() > {fitted}")

    page.get_by_role("button", name="Fit").click()
    assert opened.scale == pytest.approx(fitted)
    page.get_by_role("button", name="Zoom out").click()
    assert opened.scale < fitted


def test_the_picture_keeps_to_a_window_that_changes(
    ask_once: type[Workflow], browser: Browser, tmp_path: Path
) -> None:
    opened = visit(browser, draw_flow(ask_once, tmp_path / "flow.html", title="A flow"))

    opened.page.set_viewport_size({"width": 700, "height": 500})
    opened.page.wait_for_timeout(300)

    boxes = opened.boxes.values()
    canvas = opened.page.locator("#flow canvas").bounding_box()
    assert canvas is not None
    assert max(box["right"] for box in boxes) <= canvas["width"] <= 700
    assert max(box["bottom"] for box in boxes) <= canvas["height"] <= 500


def test_heading_legend_and_steps_can_be_read_without_the_picture(
    toy_shard: type[Workflow], browser: Browser, tmp_path: Path
) -> None:
    file = draw_flow(
        toy_shard, tmp_path / "flow.html", title="Ingest a shard", about="Files to rows."
    )
    page = visit(browser, file).page

    assert page.title() == "Ingest a shard"
    assert page.get_by_role("heading", level=1).inner_text() == "Ingest a shard"
    assert page.get_by_text("Files to rows.").is_visible()
    assert page.get_by_role("img").get_attribute("aria-label") == (
        "Diagram of Ingest a shard; its steps are listed below"
    )
    legend = page.get_by_role("list", name="Legend").inner_text().split("\n")
    assert legend == ["step", "event", "start event", "stop event", "a list of events"]
    assert page.locator("#steps li").all_inner_texts() == [
        "load: Ingest -> DocumentsLoaded\nReads the files of a shard.",
        "split: DocumentsLoaded -> list[ChunksSplit]",
        "embed: ChunksSplit -> ChunksEmbedded",
        "add: ChunksEmbedded -> ChunksAdded",
        "publish: list[ChunksAdded] -> ShardReport",
    ]


def test_words_and_names_are_text_and_never_markup(browser: Browser, tmp_path: Path) -> None:
    hostile = type("</script><img src=x onerror=document.title='owned'>", (Event,), {})

    class Hostile(Workflow):
        @step
        async def begin(self, ev: Ask) -> hostile:  # type: ignore[valid-type]
            """Says <b>"hello"</b> & goes."""
            raise NotImplementedError

        @step
        async def end(self, ev: hostile) -> Answer:  # type: ignore[valid-type]
            raise NotImplementedError

    title = """<img src=x onerror="document.title='owned'"> & 'more' $steps"""
    file = draw_flow(Hostile, tmp_path / "flow.html", title=title, about="<script>1</script>")
    opened = visit(browser, file)

    assert opened.page.title() == title
    assert opened.page.locator("header p").inner_text() == "<script>1</script>"
    assert opened.page.locator("#steps span").inner_text() == 'Says <b>"hello"</b> & goes.'
    assert hostile.__name__ in opened.boxes
    assert opened.requests == [file.as_uri()]
    assert opened.complaints == []
