"""kill -9 of an ingesting process, and the run that resumes: `make soak` does it for longer."""

from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom

import pytest

from tests.soak.ingester import Ingester
from tests.soak.kill_loop import Figures, KillLoop


@pytest.fixture(scope="module")
def ingester() -> Iterator[Ingester]:
    with Ingester() as ingester:
        yield ingester


@pytest.mark.parametrize(("where", "cycles"), [("lite", 6), ("server", 3)])
def test_an_ingestion_killed_at_any_moment_is_made_good_by_the_next_one(
    ingester: Ingester, request: pytest.FixtureRequest, tmp_path: Path, where: str, cycles: int
) -> None:
    seed = SystemRandom().randrange(10**6)
    uri = str(tmp_path / "milvus.db")
    if where == "server":
        uri = request.getfixturevalue("milvus_server").uri

    found = KillLoop(ingester, uri, tmp_path / "docs", seed=seed).run(cycles)

    print(found.to_json())
    assert found.cycles == cycles
    assert sum(found.kills.values()) >= cycles
    assert wrong(found) == {}, f"python -m tests.soak.kill_loop --seed {seed} looks for it longer"


def wrong(found: Figures) -> dict[str, object]:
    counts = "lost", "doubled", "orphaned", "left_running", "stuck", "divergences"
    return {name: value for name in counts if (value := getattr(found, name))}
