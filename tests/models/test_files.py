"""The ids: they are stored in every index, so the digests stand here as literals."""

import hashlib
import os
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alir.models.files import FilePart, LoadedPart, chunk_id, digest, source_id
from alir.models.reading import Segment

NOTES = Path("/docs/notes.txt")


def test_a_source_id_is_always_the_same() -> None:
    assert source_id(NOTES) == "1d6a2dfa721c8aad0bde97e544526451"
    assert source_id(Path("/docs/café.md")) == "a63fd839e0001c0634afbee1a282f0fd"
    assert FilePart(NOTES, 5, version="v1").source_id == source_id(NOTES)


def test_a_name_that_is_not_unicode_has_an_id_too() -> None:
    path = Path(os.fsdecode(b"/docs/caf\xe9.md"))

    assert source_id(path) == "ceb15fa8b5722d4db3b7e05175f559be"


def test_a_chunk_id_is_always_the_same() -> None:
    source, version = "a" * 32, "b" * 32

    assert chunk_id(source, version, 7, 0) == "0f0f0adf5deda6b0122115f8b5d93d85"
    assert chunk_id(source, version, 7, 12) == "47b4f210a9e857a0920e7ce3e03040e6"


def test_the_text_of_a_file_is_not_told_to_the_engine_at_each_step() -> None:
    loaded = LoadedPart(FilePart(NOTES, 5), [Segment("The text.", {})], None)

    assert "The text." not in repr(loaded)
    assert "notes.txt" in repr(loaded)


def test_another_source_version_or_position_is_another_chunk() -> None:
    ids = [
        chunk_id("source", "version", 7, 1),
        chunk_id("source", "version", 7, 11),
        chunk_id("source", "version", 8, 1),
        chunk_id("source", "version1", 7, 1),
        chunk_id("source1", "version", 7, 1),
        chunk_id("version", "source", 7, 1),
    ]

    assert len(set(ids)) == len(ids)


def test_a_digest_is_blake2b_over_its_parts_with_a_zero_byte_between_them() -> None:
    assert digest("a", "b") == hashlib.blake2b(b"a\0b", digest_size=16).hexdigest()
    assert digest("a", "b") == "852635742d6eb30fdccb0e7c1b53d92f"
    assert digest("ab") == "3dc9ae220222e2e156b2a5abb60d01c7"


# No path and no number has a zero byte, and a name has no surrogate but those of "surrogateescape".
PART = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(st.lists(PART, min_size=1), st.lists(PART, min_size=1))
def test_other_parts_have_another_digest(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)


def test_values_cannot_be_changed() -> None:
    part = FilePart(NOTES, 5)

    with pytest.raises(FrozenInstanceError):
        part.version = "v2"  # type: ignore[misc]
