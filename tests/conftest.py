"""Fixtures that several packages' tests share."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from alir.inference.embeddings import local
from alir.testing import CannotLaunchMilvus, MilvusServer
from alir.testing.milvus_binary import unpacked_binary

Beir = Callable[..., Path]

DOCUMENTS = {
    "cats": ("Cats", "Cats sleep most of the day. They hunt at night."),
    "dogs": ("Dogs", "Dogs bark at strangers. Dogs love their owners."),
    "bees": ("", "Bees make honey. A hive has one queen."),
    "tea/green": ("Tea, green", "Green tea is steeped for two minutes."),
}
QUESTIONS = {
    "q1": "When do cats sleep?",
    "q2": "Who makes honey?",
    "q3": "Nobody judged this.",
}
QRELS = "query-id\tcorpus-id\tscore\nq1\tcats\t2\nq1\tdogs\t0\nq2\tbees\t1\n"

LONGEST = (
    "faults/test_two_writers.py",
    "server/test_secrets.py",
    "server/test_hostile_replies.py",
    "faults/test_every_step_of_a_repair.py",
    "faults/test_connections.py",
    "workflows/test_verify.py",
    "app/test_forks.py",
    "benchmarks/test_commands.py",
    "faults/test_network.py",
    "benchmarks/test_poison.py",
    "server/routes/test_page.py",
    "workflows/test_outage.py",
    "app/test_application.py",
    "cli/test_bad_settings.py",
    "visualize/test_workflow_page.py",
    "faults/test_kill.py",
    "workflows/test_rebuild.py",
    "benchmarks/test_load.py",
    "cli/test_serve.py",
    "benchmarks/test_crossings.py",
    "inference/embeddings/test_local.py",
    "server/test_hostile.py",
    "server/test_every_route.py",
    "server/openai/test_large_bodies.py",
    "workflows/test_agent.py",
    "cli/test_interrupt.py",
    "cli/test_ask.py",
    "faults/test_readers.py",
    "testing/test_milvus_server.py",
    "benchmarks/test_embed.py",
    "faults/test_service_kill.py",
    "end_to_end/test_seed.py",
    "server/test_ingestion_queue.py",
    "faults/test_command_kill.py",
    "milvus/test_store.py",
    "visualize/test_run_page.py",
    "app/test_watch.py",
    "cli/test_main.py",
    "cli/test_ingest.py",
    "server/test_schemathesis.py",
    "faults/test_every_step.py",
    "server/workflow_runs/test_killed.py",
    "documents/sandbox/test_pool.py",
)
"""The files that take longest, below this folder."""

SLOW_FOLDERS = ("benchmarks", "end_to_end", "faults", "soak")
"""Ingestions in other processes, kill loops and the real embedding model, below this folder."""
SLOW_FILES = (
    "app/test_application.py",
    "app/test_watch.py",
    "cli/test_evaluate.py",
    "documents/sandbox/test_child.py",
    "documents/sandbox/test_pool.py",
    "evaluation/test_independent.py",
    "inference/embeddings/test_local.py",
    "inference/embeddings/test_openvino_bert.py",
    "milvus/client/test_lite.py",
    "server/openai/test_chat.py",
    "server/openai/test_clients.py",
    "server/openai/test_javascript.py",
    "server/openai/test_large_bodies.py",
    "server/routes/test_uploads.py",
    "server/test_every_route.py",
    "server/test_hostile.py",
    "server/test_ingestion_queue.py",
    "server/test_schemathesis.py",
    "server/test_tenancy.py",
    "test_readme.py",
    "testing/test_openai_server.py",
    "workflows/test_large_file.py",
    "workflows/test_rebuild.py",
)
"""What takes its time without one of the fixtures below."""
SLOW_FIXTURES = {
    "alir",  # `alir` in a process of its own
    "alir_serve",
    "spawn",
    "browser",
    "milvus_binary",  # a real Milvus
    "model_loaded_once",
}
"""What a test that uses one of these starts takes seconds to start."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make quick` leaves out; begin with the longest files.

    So two workers, a file each, come to an end together.
    """
    tests = Path(__file__).parent
    turns = {tests / name: turn for turn, name in enumerate(LONGEST)}
    for file in (*turns, *(tests / name for name in SLOW_FILES)):
        assert file.exists(), f"tests/conftest.py names {file}, which is not there"
    items.sort(key=lambda item: turns.get(item.path, len(turns)))
    for item in items:
        if _is_slow(item, item.path.relative_to(tests).as_posix()):
            item.add_marker("slow")


def _is_slow(item: pytest.Item, file: str) -> bool:
    if file.startswith(SLOW_FOLDERS) or file in SLOW_FILES:
        return True
    fixtures = SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ()))
    # A fixture may choose between Milvus Lite and a server by its parameter.
    callspec = getattr(item, "callspec", None)
    return bool(fixtures) or (callspec is not None and "server" in re.split("[-_]", callspec.id))


# Chosen with --hypothesis-profile=soak: what can run long then does.
settings.register_profile("soak")


_load_once = cache(local._load)


@pytest.fixture(scope="module")
def model_loaded_once() -> Iterator[None]:
    """Load the embedding model once for all that use it in this process: it takes a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "_load", _load_once)
        yield


@pytest.fixture(scope="session")
def milvus_binary() -> Path:
    """The path of a real Milvus; skips where there is none."""
    try:
        return unpacked_binary()
    except CannotLaunchMilvus as exc:
        pytest.skip(exc.problem)


@pytest.fixture(scope="session")
def frozen_server(milvus_binary: Path) -> Iterator[MilvusServer]:
    """A real Milvus standalone server, one for the session, that does nothing."""
    with MilvusServer(session_ttl_s=3600) as server:  # longer than it is ever frozen
        server.freeze()
        yield server
        server.kill()  # to end in order takes seconds, and its data are thrown away


@pytest.fixture(scope="module")
def milvus_server(frozen_server: MilvusServer) -> Iterator[MilvusServer]:
    """The session's server; started by the first test that asks.

    It is frozen while a file's tests have no use for it: idle, it takes a quarter of a core.
    """
    frozen_server.thaw()
    yield frozen_server
    frozen_server.freeze()


@dataclass
class Process:
    """`alir serve`, as a user starts it."""

    process: "subprocess.Popen[str]"
    url: str


@pytest.fixture
def alir_serve(desk: Path) -> Iterator[Callable[..., Process]]:
    """Start `alir serve` on a free port; what still runs after the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> Process:
        log = (desk / "serve.log").open("a")
        process = subprocess.Popen(
            [sys.executable, "-m", "alir", "serve", "--port", "0", *arguments],
            cwd=desk,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"alir serves (http://127\.0\.0\.1:\d+)\n", line)
        assert found, line + (desk / "serve.log").read_text()
        return Process(process, found[1])

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.fixture
def beir(tmp_path: Path) -> Beir:
    """Write a collection in BEIR's format, with what is given in place of its own."""

    def write(
        *, corpus: str | None = None, queries: str | None = None, qrels: str | None = QRELS
    ) -> Path:
        folder = tmp_path / "small"
        (folder / "qrels").mkdir(parents=True)
        documents = [
            {"_id": name, "title": title, "text": text} for name, (title, text) in DOCUMENTS.items()
        ]
        questions = [{"_id": name, "text": text} for name, text in QUESTIONS.items()]
        written = {
            "corpus.jsonl": corpus or "\n".join(map(json.dumps, documents)),
            "queries.jsonl": queries or "\n".join(map(json.dumps, questions)),
            "qrels/test.tsv": qrels,
        }
        for name, content in written.items():
            if content is not None:
                (folder / name).write_text(content, "utf-8")
        return folder

    return write
