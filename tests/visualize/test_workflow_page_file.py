"""The pages of `draw_flow`, as the file system has them."""

import json
import re
import subprocess
import sys
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from llama_index.utils import workflow as library
from workflows import Workflow, step
from workflows.events import Event, StartEvent, StopEvent

from alir.visualize.workflow_page import draw_flow


class Ask(StartEvent): ...


class ChunksSplit(Event): ...


class Answer(StopEvent): ...


def test_steps_can_be_found_by_grep_in_the_words_of_their_annotations(
    ask_once: type[Workflow], agent: type[Workflow], tmp_path: Path
) -> None:
    text = draw_flow(ask_once, tmp_path / "ask.html", title="Ask").read_text("utf-8")
    assert "plan: Ask -> list[DenseSearchPlanned | KeywordSearchPlanned]" in text
    assert "fuse: list[DenseFound | KeywordFound] -> PassagesFused | NothingFound" in text

    text = draw_flow(agent, tmp_path / "agent.html", title="agent").read_text("utf-8")
    assert "listen: HelpGiven -> QuestionRewritten | None" in text


def graph_of(file: Path) -> dict[str, list[dict[str, Any]]]:
    found = re.search(r'id="graph">(.*?)</script>', file.read_text("utf-8"), re.DOTALL)
    assert found is not None
    graph: dict[str, list[dict[str, Any]]] = json.loads(found[1])
    return graph


def test_the_edges_along_which_a_list_goes_are_wide(
    toy_shard: type[Workflow], tmp_path: Path
) -> None:
    edges = graph_of(draw_flow(toy_shard, tmp_path / "flow.html", title="A flow"))["edges"]

    wide = {(edge["from"], edge["to"]) for edge in edges if "width" in edge}

    assert wide == {("split", "ChunksSplit"), ("ChunksAdded", "publish")}


def test_an_edge_that_passes_rows_by_bends_and_has_one_arrow(
    ask_once: type[Workflow], tmp_path: Path
) -> None:
    edges = graph_of(draw_flow(ask_once, tmp_path / "flow.html", title="A flow"))["edges"]

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
    ask_once: type[Workflow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.chdir(tmp_path)

    given_back = draw_flow(ask_once, Path("flows/deep/ask.html"), title="Ask")

    assert given_back == Path("flows/deep/ask.html")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / "flows/deep/ask.html"]
    assert capfd.readouterr() == ("", "")
    assert opened == []


def test_the_markup_refers_to_nothing_outside_and_forbids_it(
    ask_once: type[Workflow], tmp_path: Path
) -> None:
    class References(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.found: list[str | None] = []
            self.policy: str | None = None

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found += [value for name, value in attrs if name in {"src", "href", "srcset"}]
            if ("http-equiv", "Content-Security-Policy") in attrs:
                self.policy = dict(attrs)["content"]

    text = draw_flow(ask_once, tmp_path / "flow.html", title="Ask").read_text("utf-8")
    references = References()
    references.feed(text)

    assert references.found == ["data:,"]
    assert references.policy is not None
    assert references.policy.startswith("default-src 'none';")
    assert "sourceMappingURL" not in text


def test_class_instance_and_many_threads_make_the_same_bytes(
    ask_once: type[Workflow], toy_shard: type[Workflow], tmp_path: Path
) -> None:
    once = draw_flow(ask_once, tmp_path / "class.html", title="Ask").read_bytes()
    assert draw_flow(ask_once(), tmp_path / "instance.html", title="Ask").read_bytes() == once

    def draw(i: int) -> bytes:
        workflow, title = (ask_once, "Ask") if i % 2 else (toy_shard, "Ingest")
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
        from alir.visualize.workflow_page import draw_flow
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


def test_a_page_that_cannot_be_written_leaves_nothing_behind(
    ask_once: type[Workflow], tmp_path: Path
) -> None:
    taken = tmp_path / "flow.html"
    taken.mkdir()

    with pytest.raises(OSError, match=r"flow\.html"):
        draw_flow(ask_once, taken, title="Ask")

    assert list(tmp_path.rglob("*")) == [taken]


def test_a_page_that_cannot_be_drawn_leaves_the_old_one_and_the_library_as_they_were(
    ask_once: type[Workflow], tmp_path: Path
) -> None:
    network = vars(library)["Network"]
    file = draw_flow(ask_once, tmp_path / "flow.html", title="Ask")
    before = file.read_bytes()

    with pytest.raises(AttributeError):
        draw_flow(object, file, title="Ask")  # type: ignore[arg-type]

    assert file.read_bytes() == before
    assert vars(library)["Network"] is network
