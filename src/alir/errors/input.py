"""Errors after which the caller must change what was asked."""

import reprlib
from pathlib import Path

from alir.errors.families import InputError


class PathNotFound(InputError):
    """A path to ingest does not exist."""

    public = "A path does not exist. Check the path."

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} does not exist. Check the path.")


class NothingToIngest(InputError):
    """The paths hold no file that alir reads."""

    def __init__(self, paths: str, why: str = "hold no file that alir reads") -> None:
        super().__init__(
            f"{paths}: {why}. Name a text, Markdown, HTML, PDF, DOCX, CSV, JSON or source code "
            "file, or a folder of them."
        )


class TooManyDeletions(InputError):
    """More than half of the files that the index holds below the paths are gone."""

    def __init__(self, files: int, held: int, example: Path) -> None:
        super().__init__(
            f"{files} of the {held} files that the index holds of the paths are gone, for example "
            f"{example}. New and changed files are ingested, nothing was deleted. Add "
            "--delete-many to delete them, or check the path and what is mounted there."
        )
        self.public = (
            f"{files} of the {held} files that the index holds of the paths are gone. New and "
            "changed files are ingested, nothing was deleted. Ask for delete_many to delete them."
        )


class NothingToRebuild(InputError):
    """The index is already what a rebuild would make, or there is none."""

    def __init__(self, collection: str, why: str) -> None:
        super().__init__(
            f"The collection {collection!r} {why}: there is nothing to rebuild. Use alir ingest "
            "PATH to bring it up to date."
        )


class RebuildIncomplete(InputError):
    """The new index lacks something of the old one, so it did not replace it."""

    def __init__(self, collection: str, problem: str) -> None:
        super().__init__(
            f"The new index of {collection!r} is built, and did not replace the old one: "
            f"{problem}. Mend that and run alir rebuild again, which goes on from there; or add "
            "--switch-anyway to do without it."
        )


class NothingKept(InputError):
    """There is no older index to go back to."""

    def __init__(self, collection: str) -> None:
        super().__init__(
            f"No older index of {collection!r} is kept to go back to. Change the settings and use "
            "alir rebuild to make another."
        )


class EmptyQuestion(InputError):
    """A question has no words."""

    def __init__(self) -> None:
        super().__init__("The question is empty. Ask something.")


class InvalidTopK(InputError):
    """The number of passages is below 1, or above what an answer can use."""

    def __init__(self, top_k: int, limit: int) -> None:
        super().__init__(f"top_k is {top_k}. Ask for 1 to {limit} passages.")


class NothingIngested(InputError):
    """The collection to ask does not exist yet, or is empty."""

    def __init__(self, collection: str) -> None:
        super().__init__(
            f"The collection {collection!r} holds no documents yet. Ingest some first: "
            "alir ingest PATH."
        )


class UnreadableFile(InputError):
    """A file cannot be read as a document; other files are not affected."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class PictureUnwritable(InputError):
    """The picture of a run cannot be written to its file."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"The picture {path} cannot be written: {problem}. Name another file.")


class InvalidDataset(InputError):
    """A dataset of questions and judgements, or a line of it, is wrong."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(f"{where}: {problem}. {remedy}")


class InvalidFilter(InputError):
    """A metadata filter cannot be translated for Milvus."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"The filter on {reprlib.repr(key)} {problem}. Change the filter.")


class InvalidQuery(InputError):
    """A query of the store lacks a part, or has one that Milvus cannot take."""

    def __init__(self, part: str, problem: str, remedy: str) -> None:
        super().__init__(f"The query's {part} {problem}. {remedy}")


class InvalidKey(InputError):
    """A key of the service cannot be made, or does not exist."""

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(f"{name!r} {problem}. {remedy}")


class NodeRefused(InputError):
    """A node cannot be stored: it exceeds a limit of Milvus, or its vector has a wrong length."""

    def __init__(self, node_id: str, problem: str) -> None:
        self.node_id = node_id
        self.problem = problem
        super().__init__(
            f"The node {reprlib.repr(node_id)} cannot be stored: {problem}. Change the node, or "
            "leave it out."
        )
