"""The run lock: one holder, who is named to others, and none after it ended, however it ended."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from alir.errors import RunInProgress
from alir.storage.ledger import SqliteLedger

Run = Callable[..., "Popen[str]"]

HOLD = """
import asyncio, os, sys
from pathlib import Path
from alir.storage.ledger import SqliteLedger

async def main():
    async with SqliteLedger(Path(sys.argv[1]), "notes").lock("alir ingest docs"):
        if "fork" in sys.argv:
            reader, writer = os.pipe()
            if not os.fork():
                os.write(writer, b".")
                sys.stdin.read()  # the child lives on
                os._exit(0)
            os.read(reader, 1)
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""


def test_a_second_process_is_told_who_holds_it(path: Path, run: Run) -> None:
    holder = run(HOLD)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"

    with pytest.raises(RunInProgress) as refused:
        asyncio.run(take(path))

    assert f"'notes' is being written by another run, for {refused.value.held_s:.0f} s" in str(
        refused.value
    )
    assert f"alir ingest docs (process {holder.pid} on {socket.gethostname()})" in str(
        refused.value
    )
    assert refused.value.pid == holder.pid
    assert 0 <= refused.value.held_s < 60
    holder.communicate("\n", timeout=30)
    asyncio.run(take(path))


@pytest.mark.parametrize("with_child", ["alone", "fork"])
def test_a_killed_holder_holds_nothing(path: Path, run: Run, with_child: str) -> None:
    holder = run(HOLD, with_child)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"

    holder.send_signal(signal.SIGKILL)
    holder.wait()

    asyncio.run(take(path))


async def take(path: Path) -> None:
    async with SqliteLedger(path, "notes").lock("alir status"):
        pass


def test_who_holds_it_is_told_without_taking_it(path: Path, run: Run) -> None:
    def told() -> str:
        return asyncio.run(SqliteLedger(path, "notes").run_in_progress())

    assert told() == ""
    assert not [*path.parent.glob(".*.lock")], "a look writes nothing"
    for is_killed in (False, True):
        holder = run(HOLD)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert told() == f"alir ingest docs (process {holder.pid} on {socket.gethostname()})"
        if is_killed:
            holder.kill()
        holder.communicate("\n", timeout=30)
        assert told() == ""


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "\0", '{"what": "a run", "pid": 1e30, "host": "here"}']
)
async def test_a_lock_file_that_says_nothing_is_nobodys(path: Path, text: str) -> None:
    ledger = SqliteLedger(path, "notes")
    async with ledger.lock("a run"):
        pass
    [lock] = path.parent.glob(".*.lock")
    lock.write_text(text.replace('"here"', json.dumps(socket.gethostname())))

    assert await ledger.run_in_progress() == ""


async def test_a_holder_on_another_host_or_of_another_user_is_told(path: Path) -> None:
    ledger = SqliteLedger(path, "notes")
    async with ledger.lock("a run"):
        pass
    [lock] = path.parent.glob(".*.lock")
    lock.write_text(json.dumps({"what": "a run", "pid": 2**22, "host": "elsewhere"}))

    assert await ledger.run_in_progress() == f"a run (process {2**22} on elsewhere)"


async def test_a_second_holder_in_the_same_process_is_refused_too(path: Path) -> None:
    async with SqliteLedger(path, "notes").lock("alir ingest"):
        with pytest.raises(RunInProgress) as refused:
            await take(path)
        with pytest.raises(RunInProgress):
            await take(path)

    assert refused.value.pid == os.getpid()
    await take(path)


async def test_another_collection_of_the_same_file_has_a_lock_of_its_own(path: Path) -> None:
    async with (
        SqliteLedger(path, "notes").lock("alir ingest"),
        SqliteLedger(path, "others").lock("alir ask"),
    ):
        assert len(list(path.parent.glob(".*.lock"))) == 2


async def test_a_collection_whose_name_is_no_file_name_has_a_lock_too(path: Path) -> None:
    name = "http://localhost:19530/" + "n" * 250

    async with SqliteLedger(path, name).lock("alir ingest"):
        with pytest.raises(RunInProgress, match="nnn"):
            async with SqliteLedger(path, name).lock("alir ingest"):
                pass


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="it looks into /proc")
async def test_a_process_that_was_started_meanwhile_does_not_keep_it(path: Path) -> None:
    async with SqliteLedger(path, "notes").lock("a run"):
        opened = Path("/proc/self/fd").iterdir()
        [held] = [int(one.name) for one in opened if is_lock(one, path.parent)]
        # Between its fork and its exec, every child of a process has what this one is given.
        child = Popen(["sleep", "60"], pass_fds=[held])

    try:
        await take(path)
    finally:
        child.kill()
        child.wait()


def is_lock(descriptor: Path, folder: Path) -> bool:
    try:
        file = descriptor.readlink()
    except FileNotFoundError:  # the listing's own
        return False
    return file.parent == folder.resolve() and file.suffix == ".lock"


async def test_an_error_in_the_run_releases_it(path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with SqliteLedger(path, "notes").lock("alir ingest"):
            raise ZeroDivisionError

    await take(path)


async def test_a_run_cancelled_while_it_takes_the_lock_does_not_keep_it(path: Path) -> None:
    for turns in range(6):
        taking = asyncio.create_task(take(path))
        for _ in range(turns):
            await asyncio.sleep(0)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        for _ in range(3000):
            try:
                await take(path)
            except RunInProgress:  # the thread that takes it is not told of the cancelling
                await asyncio.sleep(0.01)
            else:
                break
        else:
            pytest.fail("the lock is never released")


async def test_a_holder_that_has_not_said_who_it_is_refuses_all_the_same(path: Path) -> None:
    async with SqliteLedger(path, "notes").lock("alir ingest"):
        [lock] = path.parent.glob(".*.lock")
        assert json.loads(lock.read_text())["pid"] == os.getpid()
        lock.write_text("")

        with pytest.raises(RunInProgress, match="not said"):
            await take(path)
