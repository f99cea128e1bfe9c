"""The events of a question: the JSON that programs read stays as it is."""

import json

from alir.events.ask import Answer, SentenceChecked, Token, streamed
from alir.models.answers import CheckedSentence, Citation, SourcePassage

ANSWER = Answer(
    text="Cats sleep [1].",
    mode="llm",
    citations=[Citation(file="/docs/a.pdf", page=3, start=10, end=21, quote="Cats sleep.")],
    sources=[
        SourcePassage(file="/docs/a.pdf", page=3, text="Cats sleep. Dogs bark.", score=0.5),
        SourcePassage(file="/docs/b.txt", page=None, text="Birds fly.", score=0.25),
    ],
    degraded=["1 citation was removed: the sources do not say it."],
    removed_citations=1,
    sentences=[CheckedSentence("Cats sleep.", (1,), 1.25, is_supported=True)],
    seconds={"dense": 0.012345678, "total": 1.5},
)


def test_an_answer_as_json_is_exactly_this() -> None:
    expected = {
        "text": "Cats sleep [1].",
        "mode": "llm",
        "citations": [
            {"file": "/docs/a.pdf", "page": 3, "start": 10, "end": 21, "quote": "Cats sleep."}
        ],
        "sources": [
            {"file": "/docs/a.pdf", "page": 3, "text": "Cats sleep. Dogs bark.", "score": 0.5},
            {"file": "/docs/b.txt", "page": None, "text": "Birds fly.", "score": 0.25},
        ],
        "sentences": [
            {"text": "Cats sleep.", "citations": [1], "support": 1.25, "is_supported": True}
        ],
        "degraded": ["1 citation was removed: the sources do not say it."],
        "seconds": {"dense": 0.0123, "total": 1.5},
    }

    assert json.loads(json.dumps(ANSWER.to_json())) == expected
    assert list(ANSWER.to_json()) == list(expected)


def test_the_unsupported_sentences_are_named() -> None:
    wrong = CheckedSentence("Dogs fly.", (), 0.0, is_supported=False)
    answer = ANSWER.model_copy(update={"sentences": [*ANSWER.sentences, wrong]})

    assert answer.unsupported == ["Dogs fly."]


def test_text_is_streamed_as_a_token_and_a_sentence_as_one_that_was_checked() -> None:
    [sentence] = ANSWER.sentences

    assert streamed("Cats") == Token(text="Cats")
    assert streamed(sentence) == SentenceChecked(sentence=sentence)
