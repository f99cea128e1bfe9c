"""Cite: a citation is made only of what stands in the stored chunk, character for character."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from alir.models.answers import Citation, Quote, SourcePassage
from alir.steps.ask.cite import Citations, source

BIRDS = "Birds fly south in winter. Fish swim deep."
CATS = "Cats sleep long hours. Dogs bark at night."
TREES = "Revenue grew by 3.5 percent. Trees grow tall."


def passage(name: str, text: str, *, start: int | None = 0, page: str | None = None) -> Any:
    metadata = {"file_path": f"/docs/{name}.txt"} | ({} if page is None else {"page_label": page})
    node = TextNode(id_=name, text=text, start_char_idx=start, metadata=metadata)
    return NodeWithScore(node=node, score=0.5)


PASSAGES = [passage("birds", BIRDS), passage("cats", CATS), passage("trees", TREES)]
STORED = {"birds": BIRDS, "cats": CATS, "trees": TREES}


def citations(
    passages: Sequence[NodeWithScore] = PASSAGES, stored: Mapping[str, str] = STORED
) -> Citations:
    return Citations(passages, stored)


def quotes(made: Citations) -> list[str]:
    return [citation.quote for citation in made.made]


# The stored text


def test_a_source_is_what_a_person_sees_of_a_passage() -> None:
    found = source(passage("birds", BIRDS, page="3"))

    assert found == SourcePassage("/docs/birds.txt", 3, BIRDS, 0.5)


def test_a_passage_of_another_programs_collection_is_a_source_too() -> None:
    node = TextNode(text=BIRDS, metadata={"page_label": "iv"})

    assert source(NodeWithScore(node=node)) == SourcePassage("", None, BIRDS, 0.0)
    superscript = passage("birds", BIRDS, page="²")
    assert source(superscript).page is None


# Citations.cite


def test_a_quote_that_stands_becomes_a_citation_with_its_place_in_the_document() -> None:
    found = [passage("birds", BIRDS), passage("cats", CATS, start=1_000, page="12")]
    made = citations(found)

    assert made.cite(Quote(1, 5, 10)) == 1
    assert made.made == [Citation("/docs/cats.txt", 12, 1_005, 1_010, "sleep")]
    assert made.removed == 0


def test_citations_are_numbered_as_they_are_made_and_a_quote_keeps_its_number() -> None:
    made = citations()

    numbers = [made.cite(Quote(p, 0, 4)) for p in (2, 0, 2, 1, 0)]

    assert numbers == [1, 2, 1, 3, 2]
    assert quotes(made) == ["Reve", "Bird", "Cats"]


def test_the_same_words_at_another_place_are_another_citation() -> None:
    twins = [passage("a", "Same. Same."), passage("b", "Same. Same.")]
    made = citations(twins, {"a": "Same. Same.", "b": "Same. Same."})

    assert [made.cite(Quote(p, s, s + 5)) for p, s in ((0, 0), (0, 6), (1, 0))] == [1, 2, 3]


@pytest.mark.parametrize(
    "stored",
    [
        {"cats": CATS},
        {"birds": ""},
        {"birds": "Birds fly north in winter. Fish swim deep."},
        {"birds": " " + BIRDS},
        {"birds": BIRDS.upper()},
        {"birds": BIRDS.replace(" fly", "  fly")},
        {"birds": BIRDS.replace("i", "і")},  # the Cyrillic letter
        {"birds": BIRDS[:25]},
    ],
    ids=["vanished", "emptied", "changed", "moved", "case", "space", "look-alike", "cut"],
)
def test_a_quote_that_does_not_stand_in_the_store_is_no_citation_and_is_counted(
    stored: dict[str, str],
) -> None:
    made = citations(stored=stored)

    assert made.cite(Quote(0, 0, 26)) is None
    assert (made.made, made.removed) == ([], 1)


def test_a_change_elsewhere_in_the_chunk_does_not_matter() -> None:
    made = citations(stored={"birds": BIRDS.replace("Fish", "Carp")})

    assert made.cite(Quote(0, 0, 26)) == 1


@pytest.mark.parametrize("span", [(5, 5), (100, 110)])
def test_an_empty_quote_is_no_citation(span: tuple[int, int]) -> None:
    made = citations()

    assert made.cite(Quote(0, *span)) is None
    assert made.removed == 1


# Citations.cite_number


def test_of_the_sentences_that_hold_every_word_the_first_is_cited() -> None:
    text = "Cats nap long. Cats sleep long hours here. Cats sleep long hours. Dogs bark."
    made = citations([passage("cats", text)], {"cats": text})

    assert made.cite_number(1, "Cats sleep long hours.") == 1
    assert quotes(made) == ["Cats sleep long hours here."]


def test_a_language_models_number_cites_the_sentence_that_shares_most_words() -> None:
    made = citations()

    assert made.cite_number(2, "At night, the dogs of the village bark.") == 1
    assert made.made == [Citation("/docs/cats.txt", None, 23, 42, "Dogs bark at night.")]


def test_of_sentences_that_share_as_much_the_first_is_cited() -> None:
    text = "Birds sing. Birds fly. Fish swim."
    made = citations([passage("birds", text)], {"birds": text})

    assert made.cite_number(1, "Birds rest.") == 1
    assert quotes(made) == ["Birds sing."]


@pytest.mark.parametrize("number", [0, 4, 999])
def test_a_number_without_a_passage_is_removed(number: int) -> None:
    made = citations()

    assert made.cite_number(number, "Birds fly, cats sleep and trees grow.") is None
    assert (made.made, made.removed) == ([], 1)


@pytest.mark.parametrize("sentence", ["Profit fell sharply.", "They are in the.", "", "?!"])
def test_a_sentence_without_a_shared_word_is_not_supported(sentence: str) -> None:
    made = citations()

    assert made.cite_number(1, sentence) is None
    assert made.removed == 1


def test_one_word_in_five_must_be_shared() -> None:
    made = citations()

    assert made.cite_number(1, "Birds eat seeds, insects, worms.") == 1
    assert made.cite_number(1, "Birds eat seeds, insects, worms, berries.") is None


def test_a_quotation_is_cited_to_the_character() -> None:
    made = citations()

    assert made.cite_number(1, 'It says "fly south in winter," no less.') == 1
    assert made.made == [Citation("/docs/birds.txt", None, 6, 25, "fly south in winter")]


def test_a_quotation_with_other_white_space_is_cited_as_it_stands() -> None:
    text = "Birds fly\n  south in\u00a0winter."
    made = citations([passage("birds", text)], {"birds": text})

    assert made.cite_number(1, "“fly south in winter”") == 1
    assert quotes(made) == ["fly\n  south in\u00a0winter"]


@pytest.mark.parametrize(
    "sentence",
    [
        'Birds "fly north in winter".',
        'Birds "Fly South In Winter".',
        'Birds "fly south winter".',
        'Birds "rds fly south".',
        'Birds "fly south in wint".',
        "Birds fly south in winter: “cats sleep long hours”.",
    ],
)
def test_a_quotation_that_does_not_stand_is_removed_though_words_are_shared(sentence: str) -> None:
    made = citations()

    assert made.cite_number(1, sentence) is None
    assert (made.made, made.removed) == ([], 1)


def test_a_word_or_two_in_quotation_marks_are_a_name_not_a_quotation() -> None:
    made = citations()

    assert made.cite_number(1, 'The "feathered friends" called birds fly south.') == 1
    assert quotes(made) == ["Birds fly south in winter."]


def test_of_several_quotations_the_one_that_stands_is_cited() -> None:
    made = citations()

    assert (
        made.cite_number(2, '"fly south in winter" and "dogs never bark" "sleep long hours"') == 1
    )
    assert quotes(made) == ["sleep long hours"]
