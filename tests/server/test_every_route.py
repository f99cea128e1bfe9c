"""Every route there is, tried by one tenant for what is another's."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from llama_index.core.schema import TextNode

from alir import AlirMilvusStore
from alir.milvus.collection.tenants import TENANT_FIELD
from alir.testing import HashEmbedding

COFFEE = "The harvest of the acme estate was ninety tons of coffee."
TEA = "The harvest of the zeta estate was seven tons of tea."
QUESTION = "What was the harvest of the estate?"
STREAM = {"Accept": "text/event-stream"}


@dataclass
class Estates:
    """Two tenants of a service: one has files, a failed one among them, and the other tries."""

    served: Any
    acme: httpx.AsyncClient
    zeta: httpx.AsyncClient
    admin: httpx.AsyncClient
    ids: dict[str, list[str]]
    """Acme's, by the path below which they are asked for."""

    def marks(self) -> list[str]:
        """What no answer to zeta may say."""
        folder = str(self.served.root / "acme")
        return ["ninety", "coffee", folder, *(one for ids in self.ids.values() for one in ids)]

    async def kept(self) -> list[Any]:
        """What the service has of acme's."""
        paths = (
            "/v1/sources",
            "/v1/feedback",
            "/v1/sessions",
            "/v1/sessions/acme-talk",
            "/workflows/handlers",
        )
        return [(await self.acme.get(path)).json() for path in paths]


Tried = Callable[[Estates, str, str], Awaitable[list[httpx.Response]]]
"""Tries a method of a path for what is acme's; returns zeta's answers, none of which may tell."""


def asked(**body: Any) -> Tried:
    """A body, sent for an object and for events; the answer is of the tenant's own files."""

    async def tried(estates: Estates, method: str, path: str) -> list[httpx.Response]:
        sent = [
            await estates.zeta.request(method, path, json=body | more, headers=headers)
            for more, headers in (({}, {}), ({}, STREAM))
        ]
        assert {one.status_code for one in sent} == {200}, sent[0].text
        return sent

    return tried


def refused(status: int, **body: Any) -> Tried:
    """A body that names what is acme's, and gets this status."""

    async def tried(estates: Estates, method: str, path: str) -> list[httpx.Response]:
        answer = await estates.zeta.request(method, path, json=body)
        assert answer.status_code == status
        return [answer]

    return tried


def unknown(**body: Any) -> Tried:
    """A path with an id: acme's are as unknown as those that nobody has."""

    async def tried(estates: Estates, method: str, path: str) -> list[httpx.Response]:
        ids = estates.ids[path.partition("/{")[0]]
        assert ids
        for one in ids:
            named, nobodys = [
                await estates.zeta.request(method, re.sub(r"{\w+}", id_, path), json=body or None)
                for id_ in (one, "0" * 32)
            ]
            assert named.status_code == 404, (method, path)
            assert named.json() == nobodys.json()
        return []

    return tried


async def told(estates: Estates, method: str, path: str) -> list[httpx.Response]:
    """What is the same for all, well or not: it names nothing of acme's."""
    return [await estates.zeta.request(method, path)]


async def listed(estates: Estates, method: str, path: str) -> list[httpx.Response]:
    """A list: it names nothing of acme's."""
    [answer] = await told(estates, method, path)
    assert answer.status_code == 200
    return [answer]


async def uploaded(estates: Estates, method: str, path: str) -> list[httpx.Response]:
    """An upload called like acme's file, wherever that may lie, is zeta's own."""
    names = ["../acme/harvest.txt", str(estates.served.root / "acme/harvest.txt")]
    answers = []
    for name in names:
        answer = await estates.zeta.request(method, path, files={"file": (name, TEA)})
        assert answer.status_code == 202
        await estates.served.ended(estates.zeta, answer.json()["ingestion"])
        answers.append(answer)
    return answers


async def ran(estates: Estates, method: str, path: str) -> list[httpx.Response]:
    """A run of each workflow: what it finds is of the tenant's own files."""
    begun = [
        await estates.zeta.request(method, path.replace("{name}", name), json=RUN)
        for name in ("ask", "agent", "search")
    ]
    assert {one.status_code for one in begun} == {200}
    ids = [one.json()["handler_id"] for one in begun]
    told = [
        await estates.zeta.get(f"/workflows/events/{id_}", params={"after_sequence": "-1"})
        for id_ in ids
    ]
    ended = [await estates.zeta.get(f"/workflows/results/{id_}") for id_ in ids]
    assert all("tea" in one.text for one in ended), [one.text for one in ended]
    return [*begun, *told, *ended]


RUN = {"start_event": {"question": QUESTION}}
CHOSEN = {"event": {"type": "MeaningChosen", "value": {"meaning": "x"}}}

ROUTES: dict[tuple[str, str], Tried] = {
    ("POST", "/v1/ask"): asked(question=QUESTION, steps=True),
    ("POST", "/v1/agent"): asked(question="And what of it?", session="mine", steps=True),
    ("POST", "/v1/chat/completions"): asked(
        model="alir-agent", messages=[{"role": "user", "content": QUESTION}]
    ),
    ("POST", "/v1/embeddings"): asked(model="alir-embedding", input=QUESTION),
    ("GET", "/v1/models"): listed,
    ("GET", "/v1/models/{id}"): unknown(),
    ("GET", "/v1/sources"): listed,
    ("GET", "/v1/sources/{id}"): unknown(),
    ("GET", "/v1/sources/{id}/text"): unknown(),
    ("DELETE", "/v1/sources/{id}"): unknown(),
    ("POST", "/v1/sources/{id}/retry"): unknown(),
    ("POST", "/v1/agent/{id}/meaning"): unknown(meaning=QUESTION),
    ("POST", "/v1/answers/{id}/feedback"): unknown(rating="up"),
    ("GET", "/v1/feedback"): listed,
    ("DELETE", "/v1/feedback/{id}"): unknown(),
    ("GET", "/v1/sessions"): listed,
    ("GET", "/v1/sessions/{name}"): unknown(),
    ("DELETE", "/v1/sessions/{name}"): unknown(),
    ("POST", "/v1/ingestions"): refused(403, paths=["../acme"]),
    ("GET", "/v1/ingestions/{id}"): unknown(),
    ("DELETE", "/v1/ingestions/{id}"): unknown(),
    ("POST", "/v1/files"): uploaded,
    ("GET", "/workflows/workflows"): listed,
    ("GET", "/workflows/workflows/{name}/schema"): unknown(),
    ("GET", "/workflows/workflows/{name}/events"): unknown(),
    ("GET", "/workflows/workflows/{name}/representation"): unknown(),
    ("POST", "/workflows/workflows/{name}/run"): ran,
    ("POST", "/workflows/workflows/{name}/run-nowait"): ran,
    ("GET", "/workflows/handlers"): listed,
    ("GET", "/workflows/handlers/{handler_id}"): unknown(),
    ("POST", "/workflows/handlers/{handler_id}/cancel"): unknown(),
    ("GET", "/workflows/results/{handler_id}"): unknown(),
    ("GET", "/workflows/events/{handler_id}"): unknown(),
    ("POST", "/workflows/events/{handler_id}"): unknown(**CHOSEN),
    ("GET", "/workflows/health"): told,
    ("GET", "/metrics"): refused(403),
    ("GET", "/health/live"): told,
    ("GET", "/health/ready"): told,
}
"""How each is tried. A new endpoint needs a line here: say how a tenant could reach another's."""

EVERYBODYS = re.compile(r"/|/page/.*|/docs|/openapi\.json|/mcp")
"""The same for all, and none of the endpoints; MCP's tools are tried in test_mcp.py."""


async def estates_of(served: Any) -> Estates:
    acme, zeta = await served.caller("admin", "acme"), await served.caller("admin", "zeta")
    admin = await served.caller("read")
    (served.root / "acme").mkdir()
    (served.root / "acme/empty.txt").touch()
    broken = (await acme.post("/v1/ingestions", json={"paths": ["empty.txt"]})).json()
    uploads = [
        served.ended(acme, broken),
        served.hold(acme, harvest=COFFEE),
        served.hold(zeta, harvest=TEA),
    ]
    ingestions = await asyncio.gather(*uploads)
    assert [one["state"] for one in ingestions] == ["done"] * 3
    answers = [
        await acme.post("/v1/agent", json={"question": QUESTION, "session": session})
        for session in ("mine", "acme-talk")
    ]
    assert all("coffee" in one.text for one in answers)
    given = [one.json()["id"] for one in answers]
    run = (await acme.post("/workflows/workflows/search/run", json=RUN)).json()["handler_id"]
    rated = await acme.post(f"/v1/answers/{given[0]}/feedback", json={"rating": "down"})
    assert rated.status_code == 200
    sources = (await acme.get("/v1/sources")).json()
    ids = {
        "/v1/sources": [one["id"] for one in (*sources["files"], *sources["failed"])],
        "/v1/ingestions": [one["id"] for one in ingestions[:2]],
        "/v1/answers": given,
        "/v1/agent": given,
        "/v1/feedback": given[:1],
        "/v1/sessions": ["acme-talk"],
        "/v1/models": ["no-model"],
        "/workflows/workflows": ["no-workflow"],
        "/workflows/handlers": [run],
        "/workflows/results": [run],
        "/workflows/events": [run],
    }
    assert len(ids["/v1/sources"]) == 2
    return Estates(served, acme, zeta, admin, ids)


async def each_has_its_own(estates: Estates) -> None:
    own = await estates.zeta.post("/v1/ask", json={"question": QUESTION})
    theirs = await estates.acme.post("/v1/ask", json={"question": QUESTION})
    everything = await estates.admin.post("/v1/ask", json={"question": QUESTION})
    assert ("tea" in own.text, "coffee" in own.text) == (True, False)
    assert ("tea" in theirs.text, "coffee" in theirs.text) == (False, True)
    assert ("tea" in everything.text, "coffee" in everything.text) == (True, True)


async def nothing_crosses(estates: Estates) -> None:
    """Try all of `ROUTES`, which are all there are."""
    served = estates.served
    endpoints = {(one.method, one.path) for one in served.service.endpoints}
    assert endpoints == ROUTES.keys(), "say in ROUTES how a tenant could reach another's"
    paths = {one.path for one in served.service.routes} - {path for _, path in ROUTES}
    assert [path for path in sorted(paths) if not EVERYBODYS.fullmatch(path)] == []
    before = await estates.kept()

    for (method, path), tried in ROUTES.items():
        for answer in await tried(estates, method, path):
            found = [mark for mark in estates.marks() if mark in answer.text]
            assert found == [], (method, path, answer.text)

    # Nothing that was asked for has happened.
    assert await estates.kept() == before
    assert (served.root / "acme/harvest.txt").read_text() == COFFEE
    await each_has_its_own(estates)


async def test_no_tenant_reaches_another_by_any_route(served: Any) -> None:
    await nothing_crosses(await estates_of(served))


async def test_on_a_server_each_tenant_has_a_partition_once_the_index_is_made_anew(
    serving: Any, milvus_server: Any
) -> None:
    async with serving(milvus_uri=milvus_server.uri) as served:
        store, collection = served.alir.vector_store, served.alir.settings.collection
        await make_as_before_there_were_partitions(milvus_server.uri, collection)
        estates = await estates_of(served)
        assert await partition_key(store) is None
        await each_has_its_own(estates)

        rebuilt = await served.alir.rebuild.run()

        assert rebuilt.files == 2
        await store.live()
        assert await partition_key(store) == TENANT_FIELD
        await nothing_crosses(estates)
        rows = [row async for row in store.scan("", [TENANT_FIELD, "file_path"])]
        assert {row[TENANT_FIELD] for row in rows} == {"acme", "zeta"}
        for row in rows:
            assert row[TENANT_FIELD] == Path(row["file_path"]).relative_to(served.root).parts[0]
            # Milvus finds it by its key, so it has put it into that partition.
            found = f'{TENANT_FIELD} == "{row[TENANT_FIELD]}" and id == "{row["id"]}"'
            assert await store.count(found) == 1
        await store.aclear()


async def make_as_before_there_were_partitions(uri: str, collection: str) -> None:
    embedding = HashEmbedding()
    node = TextNode(text="words", embedding=embedding.get_text_embedding("words"))
    made_with = {"index": collection, "embedding_model": embedding.model_name}
    old = AlirMilvusStore(
        uri,
        collection_name=collection,
        similarity_metric="COSINE",
        enable_sparse=None,
        fingerprint=lambda: made_with,
        is_alias=True,
    )
    await old.async_add([node])
    await old.adelete_nodes([node.node_id])
    await old.aclose()


async def partition_key(store: AlirMilvusStore) -> str | None:
    description = await store.aclient.describe_collection(store.collection_name)
    keys = [one["name"] for one in description["fields"] if one.get("is_partition_key")]
    return keys[0] if keys else None
