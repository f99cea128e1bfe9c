"""Limits: a timer ends a process, or it gets a `MemoryError`; the reason names a setting."""

import signal
import subprocess
import sys

import pytest

from alir.documents.sandbox.limits import SandboxLimits, resident_mib, size_mib

LIMITS = SandboxLimits(cpu_s=0.2, memory_mib=64, waits=5.0)
PROGRAM = """
from alir.documents.sandbox.limits import SandboxLimits, limited, prepare
prepare()
with limited(SandboxLimits(cpu_s=0.2, memory_mib=64, waits=5.0)):
    {code}
bytearray(128 << 20)
print("free again")
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's limits are Linux's")


def run(code: str) -> "subprocess.CompletedProcess[str]":
    program = [sys.executable, "-c", PROGRAM.format(code=code)]
    return subprocess.run(program, capture_output=True, text=True, check=False)


@linux
@pytest.mark.parametrize(
    ("code", "seconds"), [("while True: pass", "0.2"), ("import time; time.sleep(60)", "1")]
)
def test_a_timer_ends_what_takes_too_long(code: str, seconds: str) -> None:
    reason = LIMITS.too_slow(run(code).returncode)

    assert reason is not None
    assert f"takes more than {seconds} s" in reason
    assert "ALIR_PARSE_TIMEOUT_S" in reason


@linux
def test_too_much_memory_is_an_error_and_the_limit_ends_with_the_context() -> None:
    done = run("try: bytearray(128 << 20)\n    except MemoryError: print('too large')")

    assert done.stdout.split("\n") == ["too large", "free again", ""]


def test_another_end_is_no_timers() -> None:
    assert LIMITS.too_slow(0) is None
    assert LIMITS.too_slow(-signal.SIGKILL) is None


def test_the_reason_names_the_setting() -> None:
    assert LIMITS.too_large.startswith("needs more than 64 MiB of memory")
    assert "ALIR_PARSE_MEMORY_MIB" in LIMITS.perhaps_too_large("is damaged")


@linux
def test_a_process_knows_its_size() -> None:
    assert 1 < resident_mib() < size_mib()
