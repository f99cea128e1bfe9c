"""Extract: the documents' own sentences that answer best, by a model of four words."""

from typing import Any

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from alir.models.answers import Quote
from alir.steps.ask.extract import MAX_SENTENCES, compare, extract


def passages(*texts: str) -> list[NodeWithScore]:
    return [NodeWithScore(node=TextNode(text=text), score=1.0) for text in texts]


def quoted(quotes: list[Quote], found: list[NodeWithScore]) -> list[str]:
    return [found[q.passage].node.get_content()[q.start : q.end] for q in quotes]


async def answer(question: str, *texts: str, embedding: Any) -> list[str]:
    found = passages(*texts)
    return quoted(await extract(question, found, embedding=embedding), found)


async def test_the_sentence_that_answers_is_quoted_to_the_character(embedding: Any) -> None:
    text = "  Dogs bark at night.\n\nCats   sleep\nall day long.  Birds fly."

    quotes = await extract("What do cats do?", passages("Nothing here.", text), embedding=embedding)

    start = text.index("Cats")
    assert quotes == [Quote(1, start, start + len("Cats   sleep\nall day long."))]


async def test_sentences_come_in_reading_order_not_by_score(embedding: Any) -> None:
    found = await answer(
        "Do cats and birds eat in winter?",
        "Elephants eat. Cats and birds have a winter.",
        "Cats and birds eat in winter.",
        embedding=embedding,
    )

    # The second has one more of the question's words.
    assert found == ["Cats and birds have a winter.", "Cats and birds eat in winter."]


async def test_a_question_does_not_answer_one(embedding: Any) -> None:
    found = await answer(
        "Do cats eat in winter?", "Do cats eat in winter? Cats eat.", embedding=embedding
    )

    assert found == ["Cats eat."]


async def test_there_are_three_sentences_at_most_and_they_are_the_best(embedding: Any) -> None:
    found = await answer(
        "cats", *[f"Cats number {number} sleep." for number in range(9)], embedding=embedding
    )

    assert MAX_SENTENCES == 3
    assert found == [f"Cats number {number} sleep." for number in range(3)], "as they were ranked"


async def test_a_sentence_far_behind_the_best_is_left_out(embedding: Any) -> None:
    found = await answer(
        "cats and dogs",
        "Cats and dogs sleep. Cats sleep. Elephants never sleep.",
        embedding=embedding,
    )

    assert found == ["Cats and dogs sleep."]


async def test_when_no_sentence_is_near_the_question_none_answers(embedding: Any) -> None:
    found = await answer("Do cats sleep?", "Elephants eat leaves. Dogs bark.", embedding=embedding)

    assert found == []


async def test_a_question_half_of_whose_words_are_nowhere_is_not_answered(embedding: Any) -> None:
    text = "Cats sleep all day. Dogs bark at night."

    assert await answer("Do cats sleep?", text, embedding=embedding) != []
    assert await answer("Do cats repair bicycles?", text, embedding=embedding) == []


async def test_a_word_that_few_sentences_have_counts_more_than_one_that_many_have(
    embedding: Any,
) -> None:
    text = " ".join(f"Elephants number {one} walk." for one in "abcdef") + " Tigers roar. All rest."

    compared = await compare("Do elephants or tigers swim?", passages(text), embedding=embedding)

    elephants, tigers = compared.shares[0], compared.shares[6]
    assert 0 < elephants < tigers < 1
    assert compared.passage_shares[0] == pytest.approx(elephants + tigers)


async def test_the_words_of_a_files_name_stand_in_its_sentences(embedding: Any) -> None:
    node = TextNode(text="We sold 3 cars.", metadata={"file_path": "/docs/acme_report-2021.pdf"})

    compared = await compare(
        "Cars of ACME in 2021?", [NodeWithScore(node=node)], embedding=embedding
    )

    assert compared.shares[0] == pytest.approx(1)


async def test_a_document_need_not_say_that_it_has_an_author(embedding: Any) -> None:
    text = "Cats sleep all day."

    one = await compare("Do cats sleep?", passages(text), embedding=embedding)
    same = await compare(
        "Do cats sleep, according to the author?", passages(text), embedding=embedding
    )

    assert one.shares[0] == same.shares[0] == pytest.approx(1)


async def test_the_questions_words_count_beside_the_meaning(embedding: Any) -> None:
    # "elephants" is not in the model's vocabulary: to it, both sentences mean the same.
    found = await answer(
        "Do elephants eat?", "Tigers hunt game.", "Elephants eat leaves.", embedding=embedding
    )

    assert found == ["Elephants eat leaves."]


async def test_a_sentence_that_stands_in_two_passages_is_quoted_once_where_it_ranks_best(
    embedding: Any,
) -> None:
    overlap = "Cats sleep all day."
    found = passages(
        "Dogs bark loudly.", f"Dogs bark. {overlap}", f"Cats  sleep\nall day. {overlap}"
    )

    quotes = await extract("cats", found, embedding=embedding)

    assert quotes == [Quote(1, 11, 30)]


async def test_a_heading_of_one_word_is_no_answer(embedding: Any) -> None:
    assert await answer("cats", "Cats\n\nThe cats", "Of cats.", embedding=embedding) == []


async def test_the_model_sees_sentences_without_line_ends(embedding: Any) -> None:
    await extract("cats", passages("Cats  sleep\nall day."), embedding=embedding)

    assert embedding.texts == ["Cats sleep all day."]


@pytest.mark.parametrize("texts", [[], [""], [" \n "]])
async def test_without_a_sentence_there_is_no_quote_and_no_call(
    embedding: Any, texts: list[str]
) -> None:
    assert await extract("cats", passages(*texts), embedding=embedding) == []
    assert embedding.texts == []
