"""kill -9 of commands: `python -m tests.soak.command_kill_loop` does it for longer."""

from pathlib import Path
from random import SystemRandom

from tests.soak.command_kill_loop import CYCLES, CommandKillLoop
from tests.soak.commands import CommandRunner


def test_a_killed_command_is_made_good_by_the_same_one_or_by_an_ingestion(tmp_path: Path) -> None:
    seed = SystemRandom().randrange(10**6)
    wanted = [one for one in CYCLES if one != "rebuild without paths"]
    with CommandRunner() as runner:
        found = CommandKillLoop(runner, tmp_path, seed=seed, commands=wanted, files=12).run(
            len(wanted)
        )

    print(found.to_json())
    assert found.cycles == len(wanted)
    assert found.bad == {}, (
        f"python -m tests.soak.command_kill_loop --seed {seed} looks for it longer"
    )
