"""The file of the picture of a run: also of one that fails, and refused before the run."""

from pathlib import Path

import pytest
from workflows import Workflow, step
from workflows.events import StartEvent, StopEvent, WorkflowFailedEvent

from alir.errors import PictureUnwritable
from alir.visualize.recording import record
from alir.visualize.run_page import draw_run, drawing


class Failing(Workflow):
    @step
    async def attempt(self, ev: StartEvent) -> StopEvent:
        raise OSError("<b>full</b>")


async def test_a_run_that_fails_is_drawn_too(tmp_path: Path) -> None:
    file = tmp_path / "new" / "run.html"
    with drawing(Failing, file) as recorder:
        assert recorder is not None
        assert [type(event) async for event in recorder.stream(Failing().run())] == [
            WorkflowFailedEvent
        ]

    assert "attempt: OSError: &lt;b&gt;full&lt;/b&gt;" in file.read_text("utf-8")


def test_a_file_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = []

    for taken in (tmp_path, tmp_path / "file" / "run.html"):
        with pytest.raises(PictureUnwritable, match="cannot be written"), drawing(Failing, taken):
            ran.append(taken)

    assert ran == []
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_nothing_is_written_where_nothing_ran_or_no_picture_was_asked_for(tmp_path: Path) -> None:
    with drawing(Failing, tmp_path / "run.html") as recorder:
        assert recorder is not None
    with drawing(Failing, None) as recorder:
        assert recorder is None

    assert list(tmp_path.iterdir()) == []


async def test_half_of_a_character_in_a_question_does_not_cost_the_picture(tmp_path: Path) -> None:
    file = draw_run(Failing, await record(Failing().run()), tmp_path / "run.html", about="a\udce9b")

    assert "<p>a?b</p>" in file.read_text("utf-8")
