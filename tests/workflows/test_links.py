"""A root that is a link: the index follows what it points to."""

from pathlib import Path

import pytest

from alir import Alir, IngestReport
from alir.errors import NothingToIngest, TooManyDeletions
from alir.events.ask import Answer
from alir.events.plan import IngestPlan
from alir.models.files import RootTarget


async def ingest(app: Alir, *paths: Path, **options: bool) -> IngestReport:
    report = await app.ingest.run(paths=list(paths), **options)
    assert isinstance(report, IngestReport)
    return report


async def held(app: Alir) -> list[Path]:
    """The files that the index holds."""
    return sorted([one.path async for one in app.catalog.complete_versions()])


def release(folder: Path, number: int, **texts: str) -> Path:
    made = folder / f"release-{number}"
    made.mkdir()
    for name, text in texts.items():
        (made / f"{name}.txt").write_text(text)
    return made


def point(link: Path, target: Path) -> Path:
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    return link


async def test_files_of_an_earlier_target_go_and_those_found_again_are_moved(
    app: Alir, tmp_path: Path
) -> None:
    third = release(tmp_path, 3, bees="Bees make honey.", cats="Cats sleep all day.")
    fourth = release(tmp_path, 4, bees="Bees make honey.", cats="Cats hunt at night.")
    current = point(tmp_path / "current", third)
    await ingest(app, current)

    point(current, fourth)
    plan = await app.plan.run(paths=[current])
    assert isinstance(plan, IngestPlan)
    report = await ingest(app, current)

    expected = {"added": 1, "moved": 1, "deleted": 1, "embedded": 1, "reused": 1}
    assert {name: report.to_json()[name] for name in expected} == expected
    assert (plan.actions["add"], plan.actions["move"], plan.actions["delete"]) == (1, 1, 1)
    assert await held(app) == [fourth / "bees.txt", fourth / "cats.txt"]
    answer = await app.ask.run(question="When do cats sleep?")
    assert isinstance(answer, Answer)
    assert {Path(one.file).parent for one in answer.sources} == {fourth}
    assert (await ingest(app, current)).unchanged == 2


async def test_a_target_that_was_only_ever_begun_goes_too(app: Alir, tmp_path: Path) -> None:
    releases = [release(tmp_path, n, cats=f"Cats, number {n}.") for n in range(3)]
    current = point(tmp_path / "current", releases[0])
    await ingest(app, current)
    # As a run that was killed in its midst has left it.
    await app.ledger.record_root_targets([RootTarget(current, releases[1])])
    await ingest(app, releases[1] / "cats.txt", follow_links=False)

    point(current, releases[2])
    await ingest(app, current)

    assert await held(app) == [releases[2] / "cats.txt"]
    assert await app.ledger.root_targets() == [RootTarget(current, releases[2])]


async def test_what_another_root_holds_stays(app: Alir, tmp_path: Path) -> None:
    third = release(tmp_path, 3, cats="Cats sleep.", dogs="Dogs bark.")
    (third / "api").mkdir()
    (third / "api" / "calls.txt").write_text("Calls are made.")
    fourth = release(tmp_path, 4, cats="Cats hunt.", dogs="Dogs run.", eels="Eels swim.")
    current = point(tmp_path / "current", third)
    stable = point(tmp_path / "stable", third)
    await ingest(app, third / "api")
    await ingest(app, current)
    await ingest(app, stable)

    point(current, fourth)
    assert (await ingest(app, current)).deleted == 0, "stable points there"
    point(stable, fourth)
    assert (await ingest(app, stable)).deleted == 2

    of_fourth = [fourth / f"{name}.txt" for name in ("cats", "dogs", "eels")]
    assert await held(app) == [third / "api" / "calls.txt", *of_fourth]


async def test_a_link_that_leads_above_or_below_where_it_led_keeps_what_is_there(
    app: Alir, tmp_path: Path
) -> None:
    third = release(tmp_path, 3, cats="Cats sleep.")
    (third / "in").mkdir()
    (third / "in" / "eels.txt").write_text("Eels swim.")
    current = point(tmp_path / "current", third)
    await ingest(app, current)

    point(current, third / "in")
    assert (await ingest(app, current)).deleted == 1
    point(current, third)
    report = await ingest(app, current)

    assert (report.added, report.unchanged, report.deleted) == (1, 1, 0)


async def test_a_link_to_a_folder_that_is_not_full_yet_deletes_nothing_unasked(
    app: Alir, tmp_path: Path
) -> None:
    third = release(tmp_path, 3, **{f"f{n}": f"File {n} of three." for n in range(12)})
    fourth = release(tmp_path, 4)
    current = point(tmp_path / "current", third)
    await ingest(app, current)

    point(current, fourth)
    with pytest.raises(NothingToIngest):
        await ingest(app, current)
    (fourth / "f0.txt").write_text("File 0 of four.")
    with pytest.raises(TooManyDeletions):
        await ingest(app, current)
    assert len(await held(app)) == 13

    assert (await ingest(app, current, delete_many=True)).deleted == 12
    assert await held(app) == [fourth / "f0.txt"]


async def test_a_link_to_a_file_and_a_folder_that_becomes_a_link_are_followed_alike(
    app: Alir, tmp_path: Path
) -> None:
    first = release(tmp_path, 1, cats="Cats sleep.")
    second = release(tmp_path, 2, cats="Cats hunt.")
    link = point(tmp_path / "cats.txt", first / "cats.txt")
    await ingest(app, link)
    point(link, second / "cats.txt")
    await ingest(app, link)
    assert await held(app) == [second / "cats.txt"]

    await ingest(app, first)
    first.rename(tmp_path / "elsewhere")
    point(first, tmp_path / "elsewhere")
    await ingest(app, first)
    assert await held(app) == [tmp_path / "elsewhere" / "cats.txt", second / "cats.txt"]
