"""A sentence-transformers model, with its real weights."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from alir.inference.embeddings import find_model
from alir.inference.embeddings.sentence_transformer import SentenceTransformerEncoder
from alir.settings import DEFAULT_MODEL

TEXTS = ["Cats sleep.", "Bees make honey and live in hives.", "A longer text, " * 30]


@pytest.fixture(scope="module")
def encoder() -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder(find_model(DEFAULT_MODEL))


def test_many_threads_get_the_vectors_of_one(encoder: SentenceTransformerEncoder) -> None:
    expected = np.asarray(encoder.encode(TEXTS, is_question=False))
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-5)

    def encode(_: int) -> tuple[list[list[float]], int]:
        return encoder.encode(TEXTS, is_question=False), torch.get_num_threads()

    with ThreadPoolExecutor(4) as pool:
        for vectors, cores in pool.map(encode, range(8)):
            np.testing.assert_allclose(vectors, expected, atol=1e-5)
            assert cores == 1, "threads that share a call wait for each other"


def test_half_the_bits_are_for_the_network_alone(encoder: SentenceTransformerEncoder) -> None:
    half = SentenceTransformerEncoder(find_model(DEFAULT_MODEL), bfloat16=True)
    full, halved = (one.encode(TEXTS, is_question=False) for one in (encoder, half))

    assert np.abs(np.subtract(full, halved)).max() > 1e-4
    np.testing.assert_allclose(np.linalg.norm(halved, axis=1), 1, atol=1e-5)
