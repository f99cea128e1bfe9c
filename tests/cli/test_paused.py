"""What a person sees while an ingestion waits for Milvus."""

import pytest

from alir.cli.console import IngestBar
from alir.events.ingest import IngestPaused, IngestResumed


def test_a_pause_and_its_end_are_told_on_stderr_in_plain_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with IngestBar() as bar:
        bar.show(IngestPaused(reason="No Milvus answers at [home].", since=0.0, waits_s=300.0))
        bar.show(IngestResumed(after_s=12.34))
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "Paused for up to 300 s: No Milvus answers at [home].",
        "Milvus is back after 12.3 s; the ingestion goes on.",
    ]
