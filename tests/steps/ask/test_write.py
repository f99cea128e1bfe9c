"""Write: what is shown as it comes, and what an answer says of what did not work."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from alir.errors import LanguageModelFailed, ReplyCut
from alir.models.answers import CheckedSentence
from alir.steps.ask.cite import Citations
from alir.steps.ask.synthesize import synthesize_extractive
from alir.steps.ask.write import SynthesizedAnswer, write
from tests.steps.scripted_llm import ScriptedLLM

QUESTION = "What do cats do?"
TEXT = "Cats sleep all day, says [a page](https://cats.test/)."
FAILED = LanguageModelFailed("m", "http://model.test", "answered 500", retryable=True)
Shown = list[str | CheckedSentence]


async def written(
    embedding: Any, llm: ScriptedLLM | None, **more: Any
) -> tuple[SynthesizedAnswer, Shown]:
    metadata = {"file_path": "/docs/cats.txt"}
    found = [NodeWithScore(node=TextNode(id_="cats", text=TEXT, metadata=metadata), score=1.0)]
    shown: Shown = []
    answer = await write(
        QUESTION,
        found,
        {"cats": TEXT},
        extract=partial(synthesize_extractive, QUESTION, found, embedding=embedding),
        llm=llm,
        embedding=embedding,
        show=shown.append,
        **more,
    )
    return answer, shown


async def test_without_a_model_the_documents_sentences_are_shown_inert(embedding: Any) -> None:
    answer, shown = await written(embedding, None)

    assert answer.mode == "extractive"
    assert answer.text == "Cats sleep all day, says [a page] (https://cats.test/). [1]"
    assert shown == [answer.text]
    assert answer.citations.made[0].quote == TEXT
    assert (answer.degraded, answer.sentences) == ([], [])


async def test_pieces_of_one_turn_of_the_loop_are_shown_as_one_before_their_sentence(
    embedding: Any,
) -> None:
    llm = ScriptedLLM(pieces=["Cats", " sleep [", "1]", ". See", " https://evil.test/"])

    answer, shown = await written(embedding, llm)

    assert answer.mode == "llm"
    assert [type(piece) for piece in shown] == [str, CheckedSentence, str, CheckedSentence]
    assert shown[0] == "Cats sleep [1]."
    assert "".join(one for one in shown if isinstance(one, str)) == answer.text
    assert [one for one in shown if isinstance(one, CheckedSentence)] == answer.sentences
    assert answer.sentences[1].text == "See [link removed]"
    assert answer.degraded == ["1 link was removed: it stands in no source."]


async def test_pieces_of_different_turns_are_shown_apart(embedding: Any) -> None:
    shown: Shown = []

    async def slowly(*, citations: Citations) -> AsyncIterator[str]:
        yield "Cats "
        await asyncio.sleep(0.001)
        assert shown == ["Cats "]
        yield "sleep."

    answer = await write(
        QUESTION, [], {}, extract=slowly, llm=None, embedding=embedding, show=shown.append
    )

    assert shown == ["Cats ", "sleep."]
    assert answer.text == "Cats sleep."


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        (
            [FAILED],
            "answered 500",
        ),
        ([" ", ""], "The language model said nothing."),
    ],
)
async def test_a_model_that_shows_nothing_leaves_an_extractive_answer_that_says_so(
    embedding: Any, pieces: list[Any], reason: str
) -> None:
    answer, _ = await written(embedding, ScriptedLLM(pieces=pieces))

    assert answer.mode == "extractive"
    assert answer.text.startswith("Cats sleep")
    [sentence] = answer.degraded
    assert reason in sentence
    assert sentence.endswith("This answer is extractive.")


async def test_a_model_that_fails_later_is_an_error(embedding: Any) -> None:
    with pytest.raises(LanguageModelFailed):
        await written(embedding, ScriptedLLM(pieces=["Cats sleep [1]. ", FAILED]))


async def test_a_reply_that_was_cut_stays_and_says_so(embedding: Any) -> None:
    cut = ReplyCut("The language model cut its reply at a limit of its own.")

    half, _ = await written(embedding, ScriptedLLM(pieces=["Cats sleep [1]. And", cut]))
    none, _ = await written(embedding, ScriptedLLM(pieces=[cut]))

    assert (half.mode, half.text, half.is_cut) == ("llm", "Cats sleep [1]. And", True)
    assert half.degraded == [f"{cut} The answer breaks off."]
    assert (none.mode, none.is_cut) == ("extractive", False)
    assert none.degraded == [f"{cut} This answer is extractive."]


async def test_a_model_without_time_is_stopped_and_what_it_wrote_stays(embedding: Any) -> None:
    class Endless(ScriptedLLM):
        async def _reply(self) -> AsyncIterator[Any]:
            async for piece in super()._reply():
                yield piece
            await asyncio.Event().wait()

    broken, _ = await written(embedding, Endless(pieces=["Cats sleep"]), within_s=0.05)
    unbegun, _ = await written(embedding, Endless(pieces=[]), within_s=0.01)

    assert (broken.mode, broken.text) == ("llm", "Cats sleep")
    assert broken.degraded == ["No time was left for the language model. The answer breaks off."]
    assert unbegun.mode == "extractive"
    assert unbegun.degraded == [
        "No time was left for the language model. This answer is extractive."
    ]
