"""What a process says of its own memory, and a loop of its stalls."""

import subprocess
import sys
import time

from benchmarks.process import children_peak_rss_mib, watched_loop


def printed(code: str) -> list[float]:
    """What a new process prints; it has `peak_rss_mib`."""
    code = f"from benchmarks.process import peak_rss_mib\n{code}"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [float(line) for line in child.stdout.splitlines()]


def test_the_peak_stays_when_the_memory_is_given_back() -> None:
    before, held, after = printed(
        "print(peak_rss_mib()); held = bytearray(b'x' * 200 * 2**20); print(peak_rss_mib())\n"
        "del held; print(peak_rss_mib())"
    )

    assert held > before + 190
    assert after >= held


def test_a_new_process_does_not_count_the_memory_of_the_one_that_started_it() -> None:
    held = bytearray(b"x" * 300 * 2**20)

    [peak] = printed("print(peak_rss_mib())")

    assert len(held) == 300 * 2**20
    assert peak < 150


def test_the_memory_of_a_process_below_this_one_is_counted_apart() -> None:
    code = "held = bytearray(b'x' * 200 * 2**20); print(len(held), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline()
        seen = children_peak_rss_mib()
        child.communicate("\n")

    assert seen > 200


async def test_a_callback_that_keeps_the_loop_busy_is_seen_as_a_stall() -> None:
    async with watched_loop() as stall:
        import asyncio

        await asyncio.sleep(0.02)
        time.sleep(0.2)
        await asyncio.sleep(0.02)

    assert stall.longest_s > 0.15
