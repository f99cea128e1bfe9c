"""The graph of a workflow as SVG."""

from xml.etree import ElementTree

from workflows import Workflow, step
from workflows.events import Event, StartEvent, StopEvent

from alir.visualize.svg import svg

SVG = "{http://www.w3.org/2000/svg}"


class Found(Event): ...


class Missing(Event): ...


class Search(Workflow):
    @step
    async def search(self, ev: StartEvent) -> Found | Missing:
        return Found()

    @step
    async def show(self, ev: Found) -> StopEvent:
        return StopEvent()

    @step
    async def apologize(self, ev: Missing) -> StopEvent:
        return StopEvent()


def drawn() -> ElementTree.Element:
    picture = svg(
        Search,
        measured={"search": ["1 run", "<2 ms & more"], "show": ["1 run", ""]},
        passed=["StartEvent", "Found", "StopEvent"],
    )
    return ElementTree.fromstring(picture.replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))  # noqa: S314  our own


def boxes() -> dict[str, ElementTree.Element]:
    return {one.attrib["data-name"]: one for one in drawn().iter(f"{SVG}g")}


def test_every_step_and_event_is_a_box_that_says_whether_it_ran() -> None:
    looks = {name: box.attrib["class"] for name, box in boxes().items()}

    assert looks == {
        "search": "step",
        "show": "step",
        "apologize": "step unseen",
        "StartEvent": "event",
        "Found": "event",
        "StopEvent": "event",
        "Missing": "event unseen",
    }


def test_the_lines_below_a_name_are_text_and_never_markup() -> None:
    lines = {name: [text.text for text in box.iter(f"{SVG}text")] for name, box in boxes().items()}

    assert lines["search"] == ["search", "1 run", "<2 ms & more"]
    assert lines["show"] == ["show", "1 run"]
    assert lines["apologize"] == ["apologize", "did not run"]


def test_every_edge_is_a_line_and_dim_where_one_of_its_ends_was_not_there() -> None:
    edges = [one.attrib for one in drawn().iter(f"{SVG}path") if "marker-end" in one.attrib]

    assert len(edges) == 7
    assert [one["class"] for one in edges].count("edge unseen") == 3
    assert all(one["d"].startswith("M") for one in edges)


def test_every_box_lies_within_the_picture() -> None:
    picture = drawn()
    left, top, width, height = map(float, picture.attrib["viewBox"].split())
    for box in picture.iter(f"{SVG}rect"):
        x, y, wide, high = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        assert left <= x
        assert x + wide <= left + width
        assert top <= y
        assert y + high <= top + height
