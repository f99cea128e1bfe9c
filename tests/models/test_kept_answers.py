"""Kept answers: what is kept of an answer, in which JSON."""

import json

from alir.models.answers import Citation
from alir.models.kept_answers import KeptAnswer


def test_an_answer_is_kept_without_its_quotes_in_the_json_of_the_file() -> None:
    citation = Citation(file="/docs/a.pdf", page=3, start=10, end=21, quote="Cats sleep.")

    kept = KeptAnswer(
        kind="ask", question="Do cats sleep?", text="Yes [1].", mode="llm", citations=[citation]
    )

    assert json.loads(kept.model_dump_json()) == {
        "kind": "ask",
        "question": "Do cats sleep?",
        "text": "Yes [1].",
        "mode": "llm",
        "citations": [{"source": citation.source, "start": 10, "end": 21}],
    }
    assert KeptAnswer.model_validate_json(kept.model_dump_json()) == kept
