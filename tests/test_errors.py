"""The errors: the tree that is drawn, and sentences that name the thing and the next action."""

import inspect
import re
from pathlib import Path

import pytest

from alir import errors
from alir.errors import AlirError, ConfigError, DependencyError, InputError

FAMILIES = (ConfigError, InputError, DependencyError)
URI = "http://localhost:19530"
ACTION = "Check|Try|Look|Correct|Change|Use|Give|Make|Leave"

# One of each: the error, the thing it must name, and the words that say what to do next.
SPOKEN = [
    (errors.InvalidSetting("ALIR_TOP_K", "0 is too few", "Correct it."), "ALIR_TOP_K", "Correct"),
    (errors.ModelUnavailable("m/m", "is nowhere", "Install it."), "m/m", "Install"),
    (errors.CollectionMismatch("notes", "has another dimension"), "'notes'", "ingest again"),
    (
        errors.FingerprintMismatch("notes", ["chunks of 64 tokens, not 128"], "ALIR_X=64"),
        "'notes' was made with chunks of 64 tokens, not 128",
        "alir rebuild. Or set ALIR_X=64 to go on",
    ),
    (errors.KeywordSearchUnavailable("notes"), "'notes'", "Upgrade the server"),
    (errors.StoreInUse("/data/milvus.db"), "/data/milvus.db", "Wait for that process"),
    (errors.ForkedInUse(7), "process 7", "Fork while no call"),
    (
        errors.RunInProgress("notes", what="alir ingest docs", pid=7, host="h", held_s=61.2),
        "alir ingest docs (process 7 on h)",
        "Wait for it",
    ),
    (errors.ServiceRunning("/data/a.service", 7), "/data/a.service", "Use that one or end it"),
    (errors.KeysLost("/data/a.service", "/data/a.keyed"), "/data/a.service", "alir keys add NAME"),
    (errors.OutOfResources("/docs/a.txt", "too many open files"), "/docs/a.txt", "try again"),
    (errors.InvalidKey("a b", "is no name", "Use letters."), "'a b' is no name", "Use letters"),
    (errors.ServiceFileFailed("/data/a.service", "is full"), "/data/a.service", "alir keys add"),
    (errors.AccessRefused(f"Milvus at {URI}", "ALIR_MILVUS_TOKEN"), URI, "Check ALIR_MILVUS_TOKEN"),
    (
        errors.ExtraMissing("alir eval", "ir-measures", "eval"),
        "ir-measures",
        r"pip install 'alir\[eval\]'",
    ),
    (
        errors.InvalidDataset("q.csv, line 3", "the passage is empty", "Correct the line."),
        "q.csv, line 3",
        "Correct the line",
    ),
    (errors.PathNotFound(Path("/docs")), "/docs", "Check the path"),
    (errors.PictureUnwritable(Path("/run.html"), "no space left"), "/run.html", "another file"),
    (errors.CannotWatch("/docs", "no space left"), "/docs", "raise it"),
    (errors.NothingToIngest("/docs"), "/docs", "Name a text"),
    (errors.NothingToIngest("No path was given", "there is nothing"), "No path", "Name a text"),
    (errors.TooManyDeletions(20, 30, Path("/docs/a.txt")), "/docs/a.txt", "--delete-many"),
    (errors.NothingToRebuild("notes", "does not exist"), "'notes' does not", "Use alir ingest"),
    (
        errors.RebuildIncomplete("notes", "it lacks /docs/a.txt"),
        "'notes' is built",
        "run alir rebuild again",
    ),
    (errors.NothingKept("notes"), "'notes'", "Change the settings"),
    (errors.SessionsFailed("/data/a.sessions", "it is full"), "/data/a.sessions", "Move the file"),
    (errors.EmptyQuestion(), "question", "Ask something"),
    (errors.InvalidTopK(0, 100), "top_k is 0", "Ask for 1 to 100"),
    (errors.NothingIngested("notes"), "'notes'", "alir ingest PATH"),
    (errors.UnreadableFile(Path("/a.pdf"), "is empty; fill it"), "/a.pdf", "fill it"),
    (errors.InvalidFilter("year", "has no value"), "'year'", ACTION),
    (errors.InvalidQuery("query_str", "is missing", "Give a text."), "query_str", "Give a text"),
    (errors.NodeRefused("n1", "it has no embedding"), "'n1'", ACTION),
    (errors.MilvusUnavailable(URI), URI, "Start it"),
    (errors.MilvusUnavailable("/data/milvus.db"), "/data/milvus.db", "Make room"),
    (errors.MilvusLiteNotStarted("a.db", "no space left"), "a.db", "Make room on the disk"),
    (errors.MilvusTimeout(URI, 2.5), URI, "raise ALIR_TIMEOUT_S"),
    (errors.MilvusFailed(URI, "insert", "disk is full", retryable=False), URI, ACTION),
    (
        errors.LedgerFailed("/l", "cannot be written", "Make room.", retryable=False),
        "/l",
        "Make room",
    ),
    (
        errors.IngestStopped("Milvus is gone.", files_done=2, files=3, chunks=40),
        "2 of 3 files; the 40 chunks",
        "Run the same command again",
    ),
    (errors.ParserUnavailable("no memory"), "no memory", "try again"),
    (errors.RetrievalFailed(["A is down. Start A.", "B."]), "A is down", "Start A"),
    (
        errors.LanguageModelFailed("gpt", "http://llm", "it answered 500", retryable=True),
        "http://llm",
        "Check ALIR_LLM_MODEL",
    ),
    (errors.ReplyCut("The reply was longer than 9 (ALIR_X)."), "longer than 9", "ALIR_X"),
]


def classes() -> list[type[AlirError]]:
    return [
        one
        for _, one in inspect.getmembers(errors, inspect.isclass)
        if one.__module__.startswith(errors.__name__)
    ]


def drawn(tree: str) -> dict[str, str]:
    """The parent of each name in the drawing."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in tree.splitlines():
        found = re.match(r"((?:│   |    )*)([├└]── )?([A-Z]\w+)(?:\s{2,}.*)?$", line)
        if not found:
            break
        depth = len(found[1]) // 4 + bool(found[2])
        above[depth:] = [found[3]]
        parents[found[3]] = above[depth - 1] if depth else ""
    return parents


def test_the_tree_that_is_drawn_is_the_tree_there_is() -> None:
    tree = (errors.__doc__ or "").partition("\n\n")[2]
    parents = drawn(tree)

    assert parents.pop("AlirError") == ""
    assert parents == {
        one.__name__: one.__bases__[0].__name__ for one in classes() if one is not AlirError
    }
    assert all(len(one.__bases__) == 1 for one in classes())


@pytest.mark.parametrize("error", classes())
def test_every_error_belongs_to_exactly_one_family(error: type[AlirError]) -> None:
    if error is AlirError:
        assert issubclass(error, Exception)
        return
    assert len([family for family in FAMILIES if issubclass(error, family)]) == 1


@pytest.mark.parametrize("error", classes())
def test_every_error_says_what_it_stands_for(error: type[AlirError]) -> None:
    assert (inspect.getdoc(error) or "").endswith(".")
    assert "__doc__" in vars(error)


def test_one_of_each_error_is_spoken_here() -> None:
    assert {type(error) for error, _, _ in SPOKEN} == {*classes()} - {AlirError, *FAMILIES}


@pytest.mark.parametrize(("error", "thing", "action"), SPOKEN, ids=lambda v: type(v).__name__)
def test_an_error_names_the_thing_and_what_to_do_next(
    error: AlirError, thing: str, action: str
) -> None:
    sentence = str(error)

    assert thing in sentence
    assert re.search(action, sentence), sentence
    assert "\n" not in sentence
    assert "  " not in sentence
    assert ".." not in sentence


def test_an_error_keeps_the_data_that_others_use() -> None:
    unreadable = errors.UnreadableFile(Path("/a.pdf"), "is empty")
    refused = errors.NodeRefused("n1", "it has no embedding")

    assert (unreadable.path, unreadable.reason) == (Path("/a.pdf"), "is empty")
    assert (refused.node_id, refused.problem) == ("n1", "it has no embedding")


def test_what_the_world_did_says_whether_to_try_again() -> None:
    assert errors.MilvusUnavailable(URI).retryable is True
    assert errors.MilvusFailed(URI, "insert", "full", retryable=False).retryable is False
    model = errors.LanguageModelFailed("gpt", "http://llm", "it answered 400", retryable=False)
    assert model.retryable is False


def test_the_same_failure_of_both_searches_is_said_once() -> None:
    assert str(errors.RetrievalFailed(["Down.", "Slow.", "Down."])) == "Down. Slow."
