"""kill -9 of a service under load: `python -m tests.soak.serve_kill_loop` does it for longer."""

from pathlib import Path
from random import SystemRandom

from tests.soak.serve_kill_loop import ServeKillLoop
from tests.soak.service_host import ServiceHost


async def test_a_killed_service_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    seed = SystemRandom().randrange(10**6)
    with ServiceHost() as host:
        loop = ServeKillLoop(host, tmp_path, seed=seed, longest_load_s=0.8)
        found = await loop.run(cycles=2)

    print(found.to_json())
    assert found.cycles == 2
    assert found.work["uploads"] > 0
    assert found.ended["done"] > 0
    assert found.bad == {}, (
        f"python -m tests.soak.serve_kill_loop --seed {seed} looks for it longer"
    )
