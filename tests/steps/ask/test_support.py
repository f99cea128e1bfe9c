"""Support: how far what a sentence cites bears it out."""

from collections.abc import Sequence
from typing import Any

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from alir.models.answers import Quote
from alir.steps.ask.cite import Citations
from alir.steps.ask.stream import Claim
from alir.steps.ask.support import MIN_SUPPORT, check, score
from alir.steps.ask.text.passage_text import PassageText

CATS = "Cats sleep in winter. It is cold: 1,500 dogs bark."


def cited(*texts: str) -> Citations:
    """A citation of the first sentence of each text."""
    passages = [NodeWithScore(node=TextNode(id_=text, text=text)) for text in texts]
    made = Citations(passages, {text: text for text in texts})
    for index, text in enumerate(texts):
        made.cite(Quote(index, 0, text.index(".") + 1))
    return made


async def test_what_repeats_its_source_has_full_support(embedding: Any) -> None:
    claim = Claim("Cats sleep in winter.", (1,))

    checked = await check(claim, cited(CATS), embedding=embedding)

    assert checked.support == 1
    assert checked.is_supported
    assert embedding.texts == []
    assert (checked.text, checked.citations) == (claim.text, claim.citations)


async def test_what_cites_nothing_is_not_supported_and_costs_no_call(embedding: Any) -> None:
    checked = await check(Claim("Cats sleep.", ()), cited(CATS), embedding=embedding)

    assert (checked.support, checked.is_supported) == (0, False)
    assert embedding.texts == []


async def test_what_is_about_something_else_is_not_supported(embedding: Any) -> None:
    checked = await check(Claim("Birds never fly.", (1,)), cited(CATS), embedding=embedding)

    assert checked.support < MIN_SUPPORT
    assert not checked.is_supported


async def supported(sentence: str, quotes: Sequence[str], *texts: str, embedding: Any) -> float:
    passages = [PassageText(text) for text in texts]
    return await score(sentence, quotes, passages, embedding=embedding)


@pytest.mark.parametrize(
    ("sentence", "has_support"),
    [
        ("Of cats and 1,500 dogs.", True),
        ("Of cats and 1500 dogs.", True),
        ("Of cats and 1,501 dogs.", False),
        ("Of cats and 15 dogs.", False),
    ],
)
async def test_a_number_must_stand_in_what_is_cited(
    sentence: str, has_support: bool, embedding: Any
) -> None:
    support = await supported(sentence, ["Cats sleep in winter."], CATS, embedding=embedding)

    assert (support > 0) is has_support


async def test_the_nearest_quote_counts_and_the_words_of_all_passages(embedding: Any) -> None:
    quotes = ["Dogs bark.", "Cats sleep."]

    both = await supported("Cats sleep, dogs bark.", quotes, *quotes, embedding=embedding)
    one = await supported("Cats sleep, dogs bark.", quotes[:1], quotes[0], embedding=embedding)

    assert both - one == pytest.approx(0.25), "half the words, at half a point for all of them"


async def test_the_model_sees_text_without_line_ends(embedding: Any) -> None:
    await supported("Cats\nsleep", ["Cats \n purr"], "Cats purr", embedding=embedding)

    assert embedding.texts == ["Cats sleep", "Cats purr"]
