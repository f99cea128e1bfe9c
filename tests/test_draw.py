"""The pages of `draw_flow`, as the file system and a Chromium without a network see them."""

import json
import re
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from llama_index.utils import workflow as library
from playwright.sync_api import Browser, Page, sync_playwright
from workflows import Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

from alir.draw import draw_flow
from alir.workflows.ask_corpus import AskCorpus
from alir.workflows.ingest_corpus import IngestCorpus
from alir.workflows.ingest_shard import IngestShard

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]
WINDOW = {"width": 1280, "height": 800}


class Ingest(StartEvent): ...


class DocumentsLoaded(Event): ...


class ChunksSplit(Event): ...


class ChunksEmbedded(Event): ...


class ChunksAdded(Event): ...


class ShardReport(StopEvent): ...


class ToyShard(Workflow):
    """A chain that fans out over batches and in again."""

    @step
    async def load(self, ev: Ingest) -> DocumentsLoaded:
        """Reads the files of a shard.

        Only the first line is for the page.
        """
        raise NotImplementedError

    @step
    async def split(self, ev: DocumentsLoaded) -> list[ChunksSplit]:
        raise NotImplementedError

    @step
    async def embed(self, ev: ChunksSplit) -> ChunksEmbedded:
        raise NotImplementedError

    @step
    async def add(self, ev: ChunksEmbedded) -> ChunksAdded:
        raise NotImplementedError

    @step
    async def publish(self, evs: list[ChunksAdded]) -> ShardReport:
        raise NotImplementedError


class Ask(StartEvent): ...


class DenseSearchPlanned(Event): ...


class KeywordSearchPlanned(Event): ...


class DenseFound(Event): ...


class KeywordFound(Event): ...


class PassagesFused(Event): ...


class PassagesReranked(Event): ...


class NothingFound(Event): ...


class Answer(StopEvent): ...


class AskOnce(Workflow):
    """Branches that meet, and one that passes two rows by."""

    @step
    async def plan(self, ev: Ask) -> list[DenseSearchPlanned | KeywordSearchPlanned]:
        raise NotImplementedError

    @step
    async def retrieve_dense(self, ev: DenseSearchPlanned) -> DenseFound:
        raise NotImplementedError

    @step
    async def retrieve_keyword(self, ev: KeywordSearchPlanned) -> KeywordFound:
        raise NotImplementedError

    @step
    async def fuse(self, evs: list[DenseFound | KeywordFound]) -> PassagesFused | NothingFound:
        raise NotImplementedError

    @step
    async def rerank(self, ev: PassagesFused) -> PassagesReranked:
        raise NotImplementedError

    @step
    async def synthesize(self, ev: PassagesReranked | NothingFound) -> Answer:
        raise NotImplementedError


class SubQuestionAsked(Event): ...


class QuestionRewritten(Event): ...


class EvidenceFound(Event): ...


class EvidenceGraded(Event): ...


class HelpNeeded(InputRequiredEvent): ...


class HelpGiven(HumanResponseEvent): ...


class Agent(Workflow):
    """Two loops, one of them through a person."""

    @step
    async def decompose(self, ev: Ask) -> list[SubQuestionAsked]:
        raise NotImplementedError

    @step
    async def retrieve(self, ev: SubQuestionAsked | QuestionRewritten) -> EvidenceFound:
        raise NotImplementedError

    @step
    async def grade(self, ev: EvidenceFound) -> EvidenceGraded | QuestionRewritten | HelpNeeded:
        raise NotImplementedError

    @step
    async def listen(self, ev: HelpGiven) -> QuestionRewritten | None:
        raise NotImplementedError

    @step
    async def synthesize(self, evs: list[EvidenceGraded]) -> Answer:
        raise NotImplementedError


WORKFLOWS: list[type[Workflow]] = [IngestCorpus, IngestShard, AskCorpus, Agent]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the session: Playwright's sync API leaves a running event loop in the thread, and an
    # async test of another module could not start its own.
    if CHROMIUM is None:
        pytest.skip("no Chromium here: `make browser` installs one")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


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


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_the_page_asks_for_nothing_but_itself_and_complains_of_nothing(
    workflow: type[Workflow], browser: Browser, tmp_path: Path
) -> None:
    file = draw_flow(workflow, tmp_path / "flow.html", title="A flow")

    opened = visit(browser, file)
    opened.page.wait_for_load_state("networkidle")

    assert opened.requests == [file.as_uri()]
    assert opened.complaints == []


@pytest.mark.parametrize("workflow", WORKFLOWS)
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
@pytest.mark.parametrize("workflow", WORKFLOWS)
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
    browser: Browser, tmp_path: Path
) -> None:
    opened = visit(browser, draw_flow(AskOnce, tmp_path / "flow.html", title="A flow"))
    box = opened.boxes["fuse"]
    place = box["left"] + 6 * opened.scale, (box["top"] + box["bottom"]) / 2
    light = opened.pixel(*place)

    opened.page.emulate_media(color_scheme="dark")
    opened.page.wait_for_timeout(200)

    assert sum(light[:3]) > 600
    assert sum(opened.pixel(*place)[:3]) < 300


def test_a_wheel_scrolls_the_page_and_zooms_the_picture_with_ctrl(
    browser: Browser, tmp_path: Path
) -> None:
    opened = visit(browser, draw_flow(AskOnce, tmp_path / "flow.html", title="A flow"))
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


def test_the_picture_keeps_to_a_window_that_changes(browser: Browser, tmp_path: Path) -> None:
    opened = visit(browser, draw_flow(AskOnce, tmp_path / "flow.html", title="A flow"))

    opened.page.set_viewport_size({"width": 700, "height": 500})
    opened.page.wait_for_timeout(300)

    boxes = opened.boxes.values()
    canvas = opened.page.locator("#flow canvas").bounding_box()
    assert canvas is not None
    assert max(box["right"] for box in boxes) <= canvas["width"] <= 700
    assert max(box["bottom"] for box in boxes) <= canvas["height"] <= 500


def test_heading_legend_and_steps_can_be_read_without_the_picture(
    browser: Browser, tmp_path: Path
) -> None:
    file = draw_flow(
        ToyShard, tmp_path / "flow.html", title="Ingest a shard", about="Files to rows."
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


def test_steps_can_be_found_by_grep_in_the_words_of_their_annotations(tmp_path: Path) -> None:
    text = draw_flow(AskOnce, tmp_path / "ask.html", title="Ask").read_text("utf-8")
    assert "plan: Ask -> list[DenseSearchPlanned | KeywordSearchPlanned]" in text
    assert "fuse: list[DenseFound | KeywordFound] -> PassagesFused | NothingFound" in text

    text = draw_flow(Agent, tmp_path / "agent.html", title="Agent").read_text("utf-8")
    assert "listen: HelpGiven -> QuestionRewritten | None" in text


def graph_of(file: Path) -> dict[str, list[dict[str, Any]]]:
    found = re.search(r'id="graph">(.*?)</script>', file.read_text("utf-8"), re.DOTALL)
    assert found is not None
    graph: dict[str, list[dict[str, Any]]] = json.loads(found[1])
    return graph


def test_the_edges_along_which_a_list_goes_are_wide(tmp_path: Path) -> None:
    edges = graph_of(draw_flow(ToyShard, tmp_path / "flow.html", title="A flow"))["edges"]

    wide = {(edge["from"], edge["to"]) for edge in edges if "width" in edge}

    assert wide == {("split", "ChunksSplit"), ("ChunksAdded", "publish")}


def test_an_edge_that_passes_rows_by_bends_and_has_one_arrow(tmp_path: Path) -> None:
    edges = graph_of(draw_flow(AskOnce, tmp_path / "flow.html", title="A flow"))["edges"]

    way, at = [], "NothingFound"
    while at != "synthesize":
        (leg,) = (edge for edge in edges if edge["from"] == at)
        way.append(leg)
        at = leg["to"]

    assert len(way) == 3
    assert [leg.get("arrows") for leg in way] == [None, None, "to"]


def test_a_step_outside_its_class_is_described_by_its_edges(tmp_path: Path) -> None:
    class Loose(Workflow): ...

    @step(workflow=Loose)
    async def answer(ev: Ask) -> list[ChunksSplit]:
        raise NotImplementedError

    @step(workflow=Loose)
    async def gather(evs: list[ChunksSplit]) -> Answer:
        raise NotImplementedError

    text = draw_flow(Loose, tmp_path / "flow.html", title="A flow").read_text("utf-8")
    assert "answer: Ask -> ChunksSplit" in text
    assert "gather: ChunksSplit -> Answer" in text


def test_nothing_but_the_file_is_written_printed_or_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.chdir(tmp_path)

    given_back = draw_flow(AskOnce, Path("flows/deep/ask.html"), title="Ask")

    assert given_back == Path("flows/deep/ask.html")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / "flows/deep/ask.html"]
    assert capfd.readouterr() == ("", "")
    assert opened == []


def test_the_markup_refers_to_nothing_outside_and_forbids_it(tmp_path: Path) -> None:
    class References(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.found: list[str | None] = []
            self.policy: str | None = None

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found += [value for name, value in attrs if name in {"src", "href", "srcset"}]
            if ("http-equiv", "Content-Security-Policy") in attrs:
                self.policy = dict(attrs)["content"]

    text = draw_flow(AskOnce, tmp_path / "flow.html", title="Ask").read_text("utf-8")
    references = References()
    references.feed(text)

    assert references.found == ["data:,"]
    assert references.policy is not None
    assert references.policy.startswith("default-src 'none';")
    assert "sourceMappingURL" not in text


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


def test_class_instance_and_many_threads_make_the_same_bytes(tmp_path: Path) -> None:
    once = draw_flow(AskOnce, tmp_path / "class.html", title="Ask").read_bytes()
    assert draw_flow(AskOnce(), tmp_path / "instance.html", title="Ask").read_bytes() == once

    def draw(i: int) -> bytes:
        workflow, title = (AskOnce, "Ask") if i % 2 else (ToyShard, "Ingest")
        return draw_flow(workflow, tmp_path / f"{i}.html", title=title).read_bytes()

    with ThreadPoolExecutor(8) as threads:
        pages = list(threads.map(draw, range(16)))
    assert set(pages[1::2]) == {once}
    assert len(set(pages[::2])) == 1


def test_another_process_makes_the_same_bytes(tmp_path: Path) -> None:
    # Events taken by their base class leave the library in the order of a set of classes.
    script = """if True:
        import sys
        from pathlib import Path
        from workflows import Workflow, step
        from workflows.events import Event, StartEvent, StopEvent
        from alir.draw import draw_flow
        ballast = [object() for _ in range(int(sys.argv[2]))]
        class Found(Event): ...
        kinds = [type(f"Found{i}", (Found,), {}) for i in range(8)]
        A, B, C, D, E, F, G, H = kinds
        class Flow(Workflow):
            @step
            async def begin(self, ev: StartEvent) -> A | B | C | D | E | F | G | H: ...
            @step(accept_event_subclasses=True)
            async def end(self, ev: Found) -> StopEvent: ...
        draw_flow(Flow, Path(sys.argv[1]), title="Flow")
    """
    pages = []
    for seed in ("1", "20000"):
        file = tmp_path / f"{seed}.html"
        subprocess.run([sys.executable, "-c", script, str(file), seed], check=True)
        pages.append(file.read_bytes())
    assert pages[0] == pages[1]


def test_a_page_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    taken = tmp_path / "flow.html"
    taken.mkdir()

    with pytest.raises(OSError, match=r"flow\.html"):
        draw_flow(AskOnce, taken, title="Ask")

    assert list(tmp_path.rglob("*")) == [taken]


def test_a_page_that_cannot_be_drawn_leaves_the_old_one_and_the_library_as_they_were(
    tmp_path: Path,
) -> None:
    network = vars(library)["Network"]
    file = draw_flow(AskOnce, tmp_path / "flow.html", title="Ask")
    before = file.read_bytes()

    with pytest.raises(AttributeError):
        draw_flow(object, file, title="Ask")  # type: ignore[arg-type]

    assert file.read_bytes() == before
    assert vars(library)["Network"] is network
