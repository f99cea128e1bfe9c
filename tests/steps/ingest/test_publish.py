"""Publish: the new version is complete before the old one goes, and a failed one leaves nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from alir.models.files import Failure, FileOutcome, FilePart, LoadedPart, SplitPart
from alir.models.reading import Cursor
from alir.steps.ingest.publish import PublishResult, publish

A = FilePart(Path("/docs/a.txt"), 100, version="a2", generation=9)
B = FilePart(Path("/docs/b.txt"), 100, version="b1", generation=9)
C = FilePart(Path("/docs/c.txt"), 100, version="c3", generation=9)
REST = Cursor(position=50, chars=50)


def chunk(part: FilePart, index: int, version: str = "") -> TextNode:
    """Chunk 1 of the version a2 has the id a2-1; another version is an older one."""
    generation = part.generation if version in {"", part.version} else 3
    version = version or part.version
    return TextNode(
        id_=f"{version}-{index}",
        text=f"chunk {index}",
        metadata={
            "file_path": str(part.path),
            "version": version,
            "generation": generation,
            "chunk_index": index,
        },
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=part.source_id)},
    )


class Forgetful:
    """A catalog of a store that acknowledges chunks and loses these."""

    def __init__(self, catalog: Any, loses: Sequence[str]) -> None:
        self.store, self.loses = catalog.store, loses
        self.live_versions = catalog.live_versions

    async def existing_chunks(self, chunk_ids: Sequence[str]) -> set[str]:
        for lost in self.loses:
            self.store.nodes.pop(lost, None)
        return self.store.nodes.keys() & set(chunk_ids)


def was_split(part: FilePart, chunks: int, rest: Cursor | None = None) -> SplitPart:
    return SplitPart(LoadedPart(part, [], rest), chunks)


async def published(
    store: Any,
    *parts: SplitPart,
    loses: Sequence[str] = (),
    failures: Sequence[Failure] = (),
    first_chunks: Sequence[TextNode] = (),
    refused: Mapping[str, str] | None = None,
) -> PublishResult:
    store.log.clear()
    catalog = Forgetful(store.catalog, loses)
    return await publish(
        parts, failures, first_chunks, refused or {}, catalog=catalog, vector_store=store
    )


async def test_the_first_chunk_is_written_and_says_how_many_there_are(store: Any) -> None:
    store.add([chunk(A, 1), chunk(A, 2)])

    done = await published(store, was_split(A, 3), first_chunks=[chunk(A, 0)])

    assert sorted(store.nodes) == ["a2-0", "a2-1", "a2-2"]
    assert store.nodes["a2-0"].metadata["chunk_count"] == 3
    assert done == PublishResult([FileOutcome(A.path, "added")], [], written=1)


async def test_no_other_chunk_says_how_many_there_are(store: Any) -> None:
    store.add([chunk(A, 1)])

    await published(store, was_split(A, 2), first_chunks=[chunk(A, 0)])

    counted = [i for i, node in store.nodes.items() if "chunk_count" in node.metadata]
    assert counted == ["a2-0"]


async def test_the_old_version_is_deleted_only_after_the_new_one_is_complete(store: Any) -> None:
    part = replace(A, is_held=True)
    store.add([chunk(A, 0, "a1"), chunk(A, 1, "a1"), chunk(B, 0, "a1 of b"), chunk(A, 1)])

    done = await published(store, was_split(part, 2), first_chunks=[chunk(A, 0)])

    assert store.log[0] == "add a2-0"
    assert [line.split()[0] for line in store.log] == ["add", "delete"]
    assert sorted(store.nodes) == ["a1 of b-0", "a2-0", "a2-1"]
    assert done.outcomes == [FileOutcome(A.path, "updated")]


async def test_a_head_that_was_acknowledged_and_is_not_there_keeps_the_old_version(
    store: Any,
) -> None:
    part = replace(A, is_held=True)
    store.add([chunk(A, 0, "a1"), chunk(A, 1, "a1"), chunk(A, 1)])

    done = await published(
        store,
        was_split(part, 2),
        was_split(B, 1),
        first_chunks=[chunk(A, 0), chunk(B, 0)],
        loses=["a2-0"],
    )

    assert sorted(store.nodes) == ["a1-0", "a1-1", "b1-0"]
    assert done.outcomes == [
        FileOutcome(B.path, "added"),
        FileOutcome(A.path, "failed", "a chunk was acknowledged and not there"),
    ]


async def test_each_file_is_published_with_its_own_first_chunk_and_count(store: Any) -> None:
    firsts = [chunk(B, 0), chunk(A, 0)]

    done = await published(store, was_split(A, 1), was_split(B, 4), first_chunks=firsts)

    counts = {i: node.metadata["chunk_count"] for i, node in store.nodes.items()}
    assert counts == {"a2-0": 1, "b1-0": 4}
    assert done.outcomes == [FileOutcome(A.path, "added"), FileOutcome(B.path, "added")]
    assert done.written == 2


async def test_the_old_versions_of_many_files_go_and_nothing_else(store: Any) -> None:
    store.add([chunk(A, 0, "a1"), chunk(B, 0, "b0"), chunk(C, 0, "c0"), chunk(C, 0, "a2 of c")])

    await published(
        store,
        was_split(replace(A, is_held=True), 1),
        was_split(replace(B, is_held=True), 1),
        first_chunks=[chunk(A, 0), chunk(B, 0)],
    )

    assert sorted(store.nodes) == ["a2 of c-0", "a2-0", "b1-0", "c0-0"]


async def test_what_an_interrupted_run_left_of_another_version_goes_too(store: Any) -> None:
    # No first chunk says that it is complete, so no catalog says that it is to be replaced.
    store.add([chunk(A, 1, "a1"), chunk(A, 2, "a1"), chunk(B, 1)])

    done = await published(store, was_split(A, 1), first_chunks=[chunk(A, 0)])

    assert sorted(store.nodes) == ["a2-0", "b1-1"]
    assert done.outcomes == [FileOutcome(A.path, "added")]


async def test_a_file_with_a_refused_chunk_is_cleared_away_and_reported(store: Any) -> None:
    part = replace(A, is_held=True)
    store.add([chunk(A, 0, "a1"), chunk(A, 1), chunk(B, 1)])

    done = await published(
        store,
        was_split(part, 3),
        was_split(B, 2),
        first_chunks=[chunk(A, 0), chunk(B, 0)],
        refused={A.source_id: "cannot be stored: its text is too long"},
    )

    assert sorted(store.nodes) == ["a1-0", "b1-0", "b1-1"], "the old version stays"
    assert sorted(done.outcomes, key=lambda one: one.path) == [
        FileOutcome(A.path, "failed", "cannot be stored: its text is too long"),
        FileOutcome(B.path, "added"),
    ]
    assert done.written == 1


async def test_a_file_whose_first_chunk_is_refused_is_cleared_away_too(store: Any) -> None:
    part = replace(A, is_held=True)
    store.add([chunk(A, 0, "a1"), chunk(A, 1)])
    store.refuses = {"a2-0": "its embedding holds NaN"}

    done = await published(store, was_split(part, 2), first_chunks=[chunk(A, 0)])

    assert sorted(store.nodes) == ["a1-0"]
    reason = "cannot be stored: its embedding holds NaN"
    assert done == PublishResult([FileOutcome(A.path, "failed", reason)], [], written=0)


async def test_a_first_chunk_that_is_refused_does_not_stop_the_other_files(store: Any) -> None:
    parts = [A, replace(B, is_held=True), C]
    store.add([chunk(one, 1) for one in parts] + [chunk(B, 0, "b0")])
    store.refuses = {"b1-0": "its embedding holds NaN"}

    done = await published(
        store, *[was_split(one, 2) for one in parts], first_chunks=[chunk(p, 0) for p in parts]
    )

    assert sorted(store.nodes) == ["a2-0", "a2-1", "b0-0", "c3-0", "c3-1"]
    outcomes = {one.path.name: one.outcome for one in done.outcomes}
    assert outcomes == {"a.txt": "added", "b.txt": "failed", "c.txt": "added"}
    assert done.written == 2


async def test_a_file_that_goes_on_is_not_published_and_takes_its_first_chunk_along(
    store: Any,
) -> None:
    first = chunk(A, 0)
    store.add([chunk(A, 1)])

    done = await published(store, was_split(A, 2, REST), first_chunks=[first])

    assert store.log == []
    assert done == PublishResult([], [replace(A, cursor=REST, chunks=2, first_chunk=first)], 0)


async def test_a_file_that_went_on_is_published_with_the_chunks_of_all_its_parts(
    store: Any,
) -> None:
    first = chunk(A, 0)
    middle = replace(A, is_held=True, cursor=REST, chunks=2, first_chunk=first)
    later = Cursor(position=80, chars=80)

    going = await published(store, was_split(middle, 3, later))
    [last] = going.remaining
    done = await published(store, was_split(last, 4))

    assert last == replace(middle, cursor=later, chunks=5)
    assert store.log[0] == "add a2-0"
    assert store.nodes["a2-0"].metadata["chunk_count"] == 9
    assert done.outcomes == [FileOutcome(A.path, "updated")]


async def test_a_file_whose_text_begins_in_a_later_part_is_published_with_it(store: Any) -> None:
    going = await published(store, was_split(A, 0, REST))
    done = await published(store, was_split(going.remaining[0], 1), first_chunks=[chunk(A, 0)])

    assert going.remaining == [replace(A, cursor=REST)]
    assert done.outcomes == [FileOutcome(A.path, "added")]
    assert store.nodes["a2-0"].metadata["chunk_count"] == 1


async def test_a_file_that_goes_on_is_given_up_when_a_chunk_is_refused(store: Any) -> None:
    store.add([chunk(A, 1)])

    done = await published(
        store,
        was_split(A, 2, REST),
        first_chunks=[chunk(A, 0)],
        refused={A.source_id: "cannot be stored: its text is too long"},
    )

    assert done.remaining == []
    assert [one.outcome for one in done.outcomes] == ["failed"]
    assert store.nodes == {}


async def test_a_file_that_fails_in_the_middle_leaves_nothing_of_its_new_version(
    store: Any,
) -> None:
    part = replace(A, is_held=True, cursor=REST, chunks=2, first_chunk=chunk(A, 0))
    store.add([chunk(A, 0, "a1"), chunk(A, 1), chunk(B, 1)])

    done = await published(store, failures=[Failure(part, "changed while it was being read")])

    assert sorted(store.nodes) == ["a1-0", "b1-1"]
    assert done == PublishResult(
        [FileOutcome(A.path, "failed", "changed while it was being read")], [], written=0
    )


async def test_a_file_that_fails_at_its_beginning_keeps_its_old_version(store: Any) -> None:
    store.add([chunk(A, 0, "a1")])

    done = await published(
        store, failures=[Failure(replace(A, is_held=True), "is empty; fill it or leave it out")]
    )

    assert sorted(store.nodes) == ["a1-0"]
    assert done.outcomes == [FileOutcome(A.path, "failed", "is empty; fill it or leave it out")]


async def test_a_file_without_a_single_chunk_fails(store: Any) -> None:
    store.add([chunk(A, 0, "a1")])

    done = await published(store, was_split(replace(A, is_held=True), 0))

    assert sorted(store.nodes) == ["a1-0"], "the old version stays"
    assert done == PublishResult(
        [FileOutcome(A.path, "failed", "holds no text; leave it out")], [], written=0
    )


async def test_nothing_to_publish_is_no_call_to_the_store(store: Any) -> None:
    assert await published(store) == PublishResult()
    assert store.log == []


async def test_a_late_writer_deletes_nothing_of_a_later_version(store: Any) -> None:
    later = replace(A, version="a3", generation=12)
    store.add([chunk(A, 1), chunk(later, 1)])
    await published(store, was_split(later, 2), first_chunks=[chunk(later, 0)])
    assert sorted(store.nodes) == ["a3-0", "a3-1"]

    # The other one goes on where it stalled: its last chunk, then its head.
    store.add([chunk(A, 1)])
    done = await published(store, was_split(A, 2), first_chunks=[chunk(A, 0)])

    assert sorted(store.nodes) == ["a3-0", "a3-1"], "its own version is what goes"
    assert done.outcomes == [
        FileOutcome(A.path, "unchanged", "another run brought it up to date meanwhile")
    ]


async def test_parts_of_several_generations_are_told_apart(store: Any) -> None:
    first, second = replace(A, generation=9), replace(B, generation=12)
    store.add([chunk(replace(A, version="a1", generation=8), 0)])
    store.add([chunk(replace(B, version="b0", generation=11), 0)])

    await published(
        store,
        was_split(first, 1),
        was_split(second, 1),
        first_chunks=[chunk(first, 0), chunk(second, 0)],
    )

    assert sorted(store.nodes) == ["a2-0", "b1-0"]
