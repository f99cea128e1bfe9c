"""Embed: each chunk gets the vector of its own text."""

from typing import Any

import pytest
from llama_index.core.schema import TextNode

from alir.steps.ingest.embed import embed, embed_question, reuse


def chunk(text: str, **metadata: str) -> TextNode:
    return TextNode(text=text, metadata=metadata, excluded_embed_metadata_keys=["file_name"])


async def test_each_chunk_gets_the_vector_of_its_text(embedding: Any) -> None:
    chunks = [chunk("Cats and dogs."), chunk("No animal."), chunk("Birds, birds.")]

    await embed(chunks, embedding=embedding)

    # cats, dogs, birds, winter; the last is 1 for a question
    assert [one.embedding for one in chunks] == [
        [1.0, 1.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 2.0, 0.0, 0.0],
    ]


async def test_metadata_that_is_not_to_be_embedded_is_not(embedding: Any) -> None:
    chunks = [chunk("Birds.", file_name="dogs"), chunk("Birds.", title="cats")]

    await embed(chunks, embedding=embedding)

    assert embedding.texts == ["Birds.", "title: cats\n\nBirds."]


async def test_no_chunks_need_no_model(embedding: Any) -> None:
    await embed([], embedding=embedding)

    assert embedding.texts == []


async def test_a_model_that_loses_a_text_is_not_believed(embedding: Any) -> None:
    class Forgetful(type(embedding)):  # type: ignore[misc]
        async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return [[0.0] * 5 for _ in texts[1:]]

    chunks = [chunk("Cats."), chunk("Dogs.")]

    with pytest.raises(ValueError, match="shorter"):
        await embed(chunks, embedding=Forgetful(vocabulary=[]))


async def test_a_question_is_embedded_as_a_question(embedding: Any) -> None:
    vector = await embed_question("Do cats sleep in winter?", embedding=embedding)

    assert vector == [1.0, 0.0, 0.0, 1.0, 1.0]


def hashed(text: str, **fields: Any) -> TextNode:
    return TextNode(text=text, metadata={"text_hash": f"#{text}"}, **fields)


async def test_a_text_that_the_index_holds_gets_the_vector_it_has_there(
    store: Any, catalog: Any
) -> None:
    store.add([hashed("cats", embedding=[0.25, 0.5]), hashed("dogs", embedding=[1.0, 0.0])])
    chunks = [hashed("cats"), hashed("birds"), hashed("cats")]

    left = await reuse(chunks, catalog=catalog)

    assert [one.embedding for one in chunks] == [[0.25, 0.5], None, [0.25, 0.5]]
    assert left == [chunks[1]]
    assert catalog.asked == [["#birds", "#cats"]], "once for all of them"


async def test_without_chunks_the_index_is_not_asked(catalog: Any) -> None:
    assert await reuse([], catalog=catalog) == []
    assert catalog.asked == []
