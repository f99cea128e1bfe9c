"""Files of the index over HTTP: listed, read, deleted and tried again."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

TEXT = "The volcano of Rinjani has a lake in its crater."


async def test_a_file_on_a_disk_that_is_read_only_cannot_be_deleted_and_stays(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (served.root / "a.txt").write_text(TEXT)
    await served.ended(served.client, await served.begin("."))
    [held] = (await served.client.get("/v1/sources")).json()["files"]

    def refused(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "unlink", refused)
    answer = await served.client.delete(f"/v1/sources/{held['id']}")
    monkeypatch.undo()
    await served.ended(served.client, await served.begin("a.txt"))  # behind that one

    assert (answer.status_code, answer.json()["title"]) == (409, "Cannot Be Deleted")
    assert (await served.client.get("/v1/sources")).json()["files"] == [held]


async def test_a_file_that_fails_is_told_with_its_reason_and_can_be_tried_again(
    served: Any,
) -> None:
    (served.root / "a.txt").write_text(TEXT)
    (served.root / "empty.txt").touch()
    ended = await served.ended(served.client, await served.begin("."))
    [failed] = (await served.client.get("/v1/sources")).json()["failed"]
    state = (await served.client.get(f"/v1/sources/{failed['id']}")).json()
    (served.root / "empty.txt").write_text(f"{TEXT} Now there is something.")
    again = (await served.client.post(f"/v1/sources/{failed['id']}/retry")).json()
    retried = await served.ended(served.client, again)
    after = (await served.client.get(f"/v1/sources/{failed['id']}")).json()

    assert ended["report"]["failed"][0]["reason"] == failed["reason"]
    assert "empty" in failed["reason"]
    assert (state["chunks"], state["failure"]["attempts"]) == (0, 1)
    assert retried["report"]["added"] == 1
    assert (after["chunks"], after["failure"]) == (1, None)


async def test_a_file_is_deleted_with_its_chunks(served: Any) -> None:
    await served.hold(served.client, a=TEXT, b="Another text of other things.")
    listed = (await served.client.get("/v1/sources")).json()["files"]
    told = await served.client.delete(f"/v1/sources/{listed[0]['id']}")
    is_there = (served.root / "a.txt").exists()
    ended = await served.ended(served.client, told.json())
    after = (await served.client.get("/v1/sources")).json()["files"]

    assert (told.status_code, is_there) == (202, False)
    assert (ended["state"], ended["report"]) == ("done", {"deleted": 1})
    assert after == listed[1:]
    assert await served.alir.catalog.count_chunks() == 1


async def test_a_file_that_is_not_the_services_is_neither_deleted_nor_tried_again(
    served: Any, desk: Path
) -> None:
    outside = desk / "elsewhere.txt"
    outside.write_text(TEXT)
    await served.alir.ingest.run(paths=[outside])
    [source] = (await served.client.get("/v1/sources")).json()["files"]

    deleted = await served.client.delete(f"/v1/sources/{source['id']}")
    retried = await served.client.post(f"/v1/sources/{source['id']}/retry")

    assert (deleted.status_code, retried.status_code) == (409, 409)
    assert outside.read_text() == TEXT


async def test_a_citations_quote_stands_in_the_files_text(served: Any) -> None:
    words = [f"Station {n} of the survey lies {n * 7} metres above the bay.\n\n" for n in range(60)]
    await served.hold(served.client, long="".join(words) + "Die Brücke hält — 日本語 too.")
    [source] = (await served.client.get("/v1/sources")).json()["files"]
    text = await served.client.get(f"/v1/sources/{source['id']}/text")
    answer = await served.client.post("/v1/ask", json={"question": "Where lies station 41?"})

    assert source["chunks"] > 5
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.headers["x-content-type-options"] == "nosniff"
    assert text.text.split() == (served.root / "long.txt").read_text().split()
    citations = answer.json()["citations"]
    assert citations
    for one in citations:
        assert text.text[one["start"] : one["end"]] == one["quote"]


async def test_the_files_come_in_pages_by_name_those_that_failed_among_them(served: Any) -> None:
    await served.hold(served.client, a=TEXT, c="Lakes.", d="Rivers.")
    (served.root / "b.txt").touch()
    (served.root / "d.txt").write_text("")
    report = (await served.client.post("/v1/ingestions", json={"paths": ["."]})).json()
    await served.ended(served.client, report)
    held, failed, after = [], [], ""
    for _ in range(2):
        query = {"limit": 2, "after": after}
        page = (await served.client.get("/v1/sources", params=query)).json()
        held.append([Path(one["file"]).name for one in page["files"]])
        failed.append([Path(one["file"]).name for one in page["failed"]])
        after = page["next"]

    assert held == [["a.txt"], ["c.txt", "d.txt"]]
    assert failed == [["b.txt"], ["d.txt"]]
    assert after is None
    for query in ("limit=0", "limit=1001", "page=2", "after=a&after=b"):
        assert (await served.client.get(f"/v1/sources?{query}")).status_code == 422
