"""As it comes, alir talks to nobody."""

import json
import subprocess
import sys
from pathlib import Path

# Becomes `alir`; argv[1] is the file to write down in what of Python's looked for other machines.
WATCHED = """
import json, runpy, sys
log = open(sys.argv.pop(1), "a", buffering=1)
def watch(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not str(address[0]).startswith(("127.", "::1")):
            print(json.dumps([event, str(address)]), file=log)
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        if arguments[0] not in (None, "", "localhost", "127.0.0.1", "::1"):
            print(json.dumps([event, str(arguments)]), file=log)
sys.addaudithook(watch)
"""
RUN = "runpy.run_module('alir', run_name='__main__')"


def watched(
    log: Path, then: str, *arguments: str
) -> tuple["subprocess.CompletedProcess[str]", list[list[str]]]:
    done = subprocess.run(
        [sys.executable, "-c", WATCHED + then, str(log), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done, [json.loads(line) for line in log.read_text().splitlines()]


def test_ingesting_and_asking_tries_no_network(desk: Path) -> None:
    (desk / "moon.txt").write_text("The moon is made of green basalt.")
    arguments = ["ask", "--source", "moon.txt", "What is the moon made of?"]
    done, attempts = watched(desk / "attempts.txt", RUN, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("The moon is made of green basalt. [1]\n")
    assert attempts == []


def test_the_watch_would_have_seen_it(desk: Path) -> None:
    probe = (
        "import contextlib, socket\n"
        "with contextlib.suppress(OSError), socket.socket() as probe:\n"
        "    probe.settimeout(0.1)\n"
        "    probe.connect(('192.0.2.1', 80))\n"
        "with contextlib.suppress(OSError):\n"
        "    socket.getaddrinfo('alir.invalid', 80)\n"
    )
    _, attempts = watched(desk / "attempts.txt", probe)
    assert [event for event, _ in attempts] == ["socket.connect", "socket.getaddrinfo"]
