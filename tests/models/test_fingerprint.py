"""The fingerprint: which parts of two differ, and what a person is told of it."""

from alir.models.fingerprint import (
    FOR_QUESTIONS,
    describe,
    differences,
    environment_variables,
    is_same,
)

MADE = {
    "embedding_model": "a/model",
    "weights": "1" * 64,
    "dim": "384",
    "metric": "COSINE",
    "splitter": "SentenceSplitter",
    "chunk_tokens": "254",
    "chunk_overlap_tokens": "32",
    "analyzer": "english",
    "schema": "2",
}


def test_the_same_settings_make_the_same_index() -> None:
    assert differences(MADE, dict(MADE)) == []
    assert is_same(MADE, dict(MADE))


def test_each_part_that_differs_is_named_with_both_values() -> None:
    others = {
        "weights": "2" * 64,
        "dim": "8",
        "metric": "IP",
        "splitter": "TokenTextSplitter",
        "chunk_tokens": "100",
        "chunk_overlap_tokens": "0",
        "analyzer": "jieba",
        "schema": "3",
    }
    for part, other in others.items():
        [found] = differences(MADE, MADE | {part: other})
        assert found.part == part
        assert MADE[part][:12] in str(found)
        assert other[:12] in str(found)
        assert not is_same(MADE, MADE | {part: other})


def test_another_model_is_another_index_unless_its_weights_are_the_same() -> None:
    without = {part: value for part, value in MADE.items() if part != "weights"}
    [found] = differences(without, MADE | {"embedding_model": "b/model"})
    assert str(found) == "the embedding model a/model, not b/model"
    assert found.restored_by == "ALIR_EMBED_MODEL=a/model"
    assert differences(MADE, MADE | {"embedding_model": "/moved/model"}) == []


def test_only_what_is_known_of_both_is_compared() -> None:
    assert differences({"embedding_model": "a/model"}, MADE) == []
    assert differences(MADE, {}) == []
    assert differences({}, MADE) == []
    assert not is_same({"embedding_model": "a/model"}, MADE)


def test_a_partition_for_each_tenant_is_worth_a_rebuild_and_no_reason_to_refuse() -> None:
    with_partitions = MADE | {"tenants": "/data"}
    for held in (MADE, MADE | {"tenants": "/elsewhere"}):
        assert differences(held, with_partitions) == []
        assert not is_same(held, with_partitions)
    assert is_same(with_partitions, with_partitions)


def test_how_texts_were_cut_is_no_matter_for_a_question() -> None:
    assert differences(MADE, MADE | {"chunk_tokens": "100"}, of=FOR_QUESTIONS) == []
    assert differences(MADE, MADE | {"dim": "8"}, of=FOR_QUESTIONS)


def test_a_person_is_told_what_an_index_was_made_with_and_which_settings_say_so() -> None:
    assert describe({"index": "docs", "dim": "8"}) == "vectors of 8 dimensions"
    assert describe({}) == ""
    said = "ALIR_EMBED_MODEL=a/model ALIR_CHUNK_TOKENS=254 ALIR_CHUNK_OVERLAP_TOKENS=32 "
    said += "ALIR_ANALYZER=english"
    assert environment_variables(MADE) == said
