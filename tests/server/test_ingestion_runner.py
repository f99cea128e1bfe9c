"""What becomes of files when a job of the queue has its turn."""

from pathlib import Path
from typing import Any, cast

TEXT = "The volcano of Rinjani has a lake in its crater."


async def test_a_file_deleted_before_its_turn_and_one_that_came_back_are_no_failures(
    served: Any,
) -> None:
    await served.hold(served.client, a=TEXT, b=TEXT)
    known = {
        Path(one["file"]).name: one["id"]
        for one in (await served.client.get("/v1/sources")).json()["files"]
    }

    async def upload(name: str) -> dict[str, Any]:
        files = [("file", (name, f"{TEXT} Once more."))]
        told: dict[str, Any] = (await served.client.post("/v1/files", files=files)).json()
        return cast("dict[str, Any]", told["ingestion"])

    async def delete(name: str) -> dict[str, Any]:
        return cast(
            "dict[str, Any]", (await served.client.delete(f"/v1/sources/{known[name]}")).json()
        )

    async with served.alir.ledger.lock("a test"):
        told = [
            *(await upload("a.txt"), await delete("a.txt")),
            *(await delete("b.txt"), await upload("b.txt")),
        ]
    ended = [await served.ended(served.client, one) for one in told]
    held = (await served.client.get("/v1/sources")).json()["files"]
    text = (await served.client.get(f"/v1/sources/{known['b.txt']}/text")).text

    assert [(one["state"], one["problem"]) for one in ended] == [("done", None)] * 4
    assert [one["report"].get("deleted") for one in ended] == [None, 1, 0, 0]
    assert [Path(one["file"]).name for one in held] == ["b.txt"]
    assert text.endswith("Once more.")


async def test_a_file_that_is_there_again_when_its_deletion_comes_is_kept(served: Any) -> None:
    await served.hold(served.client, a=TEXT)
    [source] = (await served.client.get("/v1/sources")).json()["files"]
    async with served.alir.ledger.lock("a test"):
        deleted = (await served.client.delete(f"/v1/sources/{source['id']}")).json()
        again = await served.client.post("/v1/files", files=[("file", ("a.txt", "New words."))])
    await served.ended(served.client, deleted)
    await served.ended(served.client, again.json()["ingestion"])

    assert (served.root / "a.txt").read_text() == "New words."
    text = await served.client.get(f"/v1/sources/{source['id']}/text")
    assert text.text == "New words."


async def test_a_folder_that_is_suddenly_nearly_empty_is_not_believed(served: Any) -> None:
    acme = await served.caller("write", "acme")
    await served.hold(acme, **{f"n{number}": f"{TEXT} {number}" for number in range(12)})
    others = {f"z{number}": f"{TEXT} {number}" for number in range(20)}
    await served.hold(await served.caller("write", "zeta"), **others)
    for number in range(11):
        (served.root / f"acme/n{number}.txt").unlink()
    asked = {"paths": ["."]}
    refused = (await acme.post("/v1/ingestions", json=asked)).json()
    refused = await served.ended(acme, refused)
    allowed = (await acme.post("/v1/ingestions", json=asked | {"delete_many": True})).json()
    allowed = await served.ended(acme, allowed)

    assert (refused["state"], refused["problem"]["title"]) == ("failed", "Too Many Deletions")
    assert "delete_many" in refused["problem"]["detail"]
    assert allowed["report"]["deleted"] == 11


async def test_a_tenant_is_told_nothing_of_what_others_hold(served: Any) -> None:
    acme = await served.caller("write", "acme")
    await served.hold(await served.caller("write", "zeta"), z=TEXT)
    ended = await served.hold(acme, a=f"{TEXT} Again.")

    assert ended["report"] == {
        **dict.fromkeys(("updated", "moved", "deleted", "unchanged"), 0),
        "files": 1,
        "added": 1,
        "failed": [],
    }
