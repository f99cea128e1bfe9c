import math

import pytest

from alir.testing import HashEmbedding


def near(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_the_same_text_has_the_same_vector_on_every_machine() -> None:
    vector = HashEmbedding(dim=8).get_text_embedding("The cat sat.")
    expected = [0.0, 0.57735, 0.0, 0.57735, 0.0, 0.0, 0.0, -0.57735]
    assert vector == pytest.approx(expected, abs=1e-5)


def test_texts_that_share_words_are_nearer_than_texts_that_do_not() -> None:
    model = HashEmbedding()
    cat, cats, ship = model.get_text_embedding_batch(
        ["the cat sat on the mat", "a cat slept on the mat", "seven ships sail north tomorrow"]
    )
    assert near(cat, cats) > 0.5 > near(cat, ship)


def test_case_and_punctuation_make_no_difference() -> None:
    model = HashEmbedding()
    assert model.get_text_embedding("Hello, WORLD!") == model.get_text_embedding("hello world")


@pytest.mark.parametrize("text", ["", "   ", "?!", "one two three", "\ud800 lone", "é ñ 漢字"])
def test_every_vector_has_unit_length_and_the_models_dimension(text: str) -> None:
    vector = HashEmbedding(dim=33).get_text_embedding(text)
    assert len(vector) == 33
    assert math.hypot(*vector) == pytest.approx(1.0)


def test_words_that_cancel_each_other_do_not_make_a_zero_vector() -> None:
    model = HashEmbedding(dim=1)
    words = [f"w{i}" for i in range(50)]
    plus = next(word for word in words if model.get_text_embedding(word) == [1.0])
    minus = next(word for word in words if model.get_text_embedding(word) == [-1.0])
    assert model.get_text_embedding(f"{plus} {minus}") == [1.0]


async def test_sync_async_query_and_batch_agree() -> None:
    model = HashEmbedding()
    texts = [f"text number {i}" for i in range(600)]
    one_by_one = [model.get_text_embedding(text) for text in texts]
    assert model.get_text_embedding_batch(texts) == one_by_one
    assert await model.aget_text_embedding_batch(texts) == one_by_one
    assert await model.aget_query_embedding(texts[7]) == one_by_one[7]


def test_it_names_itself_after_its_dimension() -> None:
    assert HashEmbedding().model_name == "hash-64"
    assert HashEmbedding(dim=384).model_name == "hash-384"
