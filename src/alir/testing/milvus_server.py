"""A real Milvus standalone server as a child process, without Docker."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from itertools import takewhile
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory
from typing import Self

from alir.errors import DependencyError
from alir.testing.milvus_binary import CannotLaunchMilvus, unpacked_binary
from alir.testing.milvus_config import HOST, INNER_PORTS, write_config

# Becomes Milvus: argv is the parent's pid, the environment as JSON, and the command.
_DIE_WITH_PARENT = """
import ctypes, json, os, sys
PR_SET_PDEATHSIG, SIGKILL = 1, 9
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execve(sys.argv[3], sys.argv[3:], json.loads(sys.argv[2]))
"""


class MilvusNotStarted(DependencyError):
    """The server died while starting, or was not healthy in time."""

    def __init__(self, what: str, log: Path) -> None:
        lines = log.read_text(errors="replace").splitlines()
        # A panic is followed by hundreds of lines of its goroutines.
        tail_lines = list(takewhile(lambda line: not line.startswith("goroutine "), lines))
        tail = "\n".join(f"  {line[:300]}" for line in tail_lines[-12:])
        super().__init__(f"The Milvus server {what}. Its log ({log}) ends with:\n{tail}")


class MilvusServer:
    """A real Milvus server with its own data directory, which ends with its parent process.

    Its methods block (2 s to start): from a coroutine use `asyncio.to_thread`. Several servers
    can run at once. `start()` after `kill()` finds the data again, at the same address, within
    10 s; its collections answer a second or two later. `stop()` discards the data, unless the
    data directory was given.
    """

    uri: str
    """The address for pymilvus, known before the start and the same after a restart."""

    def __init__(
        self,
        *,
        data_dir: Path | None = None,
        cache_dir: Path | None = None,
        port: int | None = None,
        health_port: int | None = None,
        auth: bool = False,
        session_ttl_s: int = 5,
        timeout_s: float = 60.0,
    ) -> None:
        """Prepare a server; nothing is started, unpacked or written yet.

        data_dir: kept between starts; by default a temporary one.
        cache_dir: where the binary is unpacked; by default in the user's cache.
        port, health_port: for pymilvus, and for /healthz and /metrics; by default free ones.
        auth: demand credentials; the first user is root with the password Milvus.
        session_ttl_s: a restart after kill() waits about this long, and a server frozen for more
            than two thirds of it serves no more, until it is started again.
        timeout_s: how long a start may take.
        """
        found = free_ports(2 + INNER_PORTS)
        self.port = port or found[0]
        self.health_port = health_port or found[1]
        self._inner_ports = found[2:]
        self.uri = f"http://{HOST}:{self.port}"
        self._given_dir = data_dir
        self._cache_dir = cache_dir
        self._auth = auth
        self._session_ttl_s = session_ttl_s
        self._timeout_s = timeout_s
        self._temporary: TemporaryDirectory[str] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._waiter: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether the process runs; a frozen one counts as running."""
        return self._waiter is not None and self._waiter.is_alive()

    @property
    def pid(self) -> int | None:
        """The process's id, which is also its process group; None when it does not run."""
        return self._child.pid if self._child and self.alive else None

    @property
    def data_dir(self) -> Path:
        """The given data directory, or a temporary one, made on first use."""
        if self._given_dir:
            return self._given_dir.absolute()
        if self._temporary is None:
            self._temporary = TemporaryDirectory(prefix="alir-milvus-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    def start(self) -> None:
        """Start the server and wait until it is healthy; do nothing when it serves already.

        Raises CannotLaunchMilvus, MilvusNotStarted.
        """
        if self.alive and not _is_free(self.port):
            return
        self.kill()
        for port in (self.port, self.health_port):
            if not _is_free(port):
                raise CannotLaunchMilvus(
                    f"port {port} is taken",
                    f"Choose another, or stop what listens there (ss -ltnp 'sport = {port}').",
                )
        binary = unpacked_binary(self._cache_dir)
        log = self.data_dir / "milvus.log"
        write_config(
            self.data_dir,
            port=self.port,
            inner_ports=self._inner_ports,
            auth=self._auth,
            session_ttl_s=self._session_ttl_s,
        )
        self._spawn(binary, log)
        try:
            self._wait_until_healthy(log)
        except BaseException:
            self.kill()
            self._discard_data()
            raise

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the server: SIGTERM, and SIGKILL once it serves no more, `timeout_s` at most."""
        if self._child and self._waiter and self.alive:
            self.thaw()
            self._signal(signal.SIGTERM)
            deadline = time.monotonic() + timeout_s
            # This binary never exits by itself: when all of Milvus has stopped (the proxy stops
            # last), the embedded etcd's Close deadlocks. So a closed port is the end of it.
            while self.alive and time.monotonic() < deadline and not _is_free(self.port):
                self._waiter.join(0.02)
        self.kill()
        self._discard_data()

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would; its data stay for the next start."""
        self._signal(signal.SIGKILL)
        if self._child and self._waiter:
            self._waiter.join()
            Path(f"/tmp/milvus/server_id_{self._child.pid}").unlink(missing_ok=True)  # noqa: S108 - Milvus's choice
        self._child = self._waiter = None

    def freeze(self) -> None:
        """Suspend the server (SIGSTOP): connections are accepted and never answered.

        Returns when all its threads stand still; on busy cores that takes a moment.
        """
        self._signal(signal.SIGSTOP)
        if pid := self.pid:
            with suppress(ChildProcessError):  # it ended just now
                os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        """Let a frozen server go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if pid := self.pid:
            with suppress(ProcessLookupError):  # it ended just now
                os.killpg(pid, number)

    def _discard_data(self) -> None:
        if self._temporary:
            self._temporary.cleanup()
            self._temporary = None

    def _spawn(self, binary: Path, log: Path) -> None:
        # Not our environment: Milvus takes any variable that resembles a setting (LOG_LEVEL).
        environment = {
            "PATH": os.defpath,
            "HOME": str(self.data_dir),
            "LD_LIBRARY_PATH": str(binary.parent),
            "MILVUSCONF": str(self.data_dir / "conf"),
            "METRICS_PORT": str(self.health_port),
            "DEPLOY_MODE": "STANDALONE",
        }
        wrapper = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())]
        command = [*wrapper, json.dumps(environment), str(binary), "run", "standalone"]
        started: Future[subprocess.Popen[bytes]] = Future()

        def run() -> None:
            try:
                with log.open("wb") as sink:
                    child = subprocess.Popen(  # noqa: S603 - our own command
                        command,
                        cwd=self.data_dir,
                        stdin=subprocess.DEVNULL,
                        stdout=sink,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
            except OSError as exc:
                started.set_exception(exc)
                return
            started.set_result(child)
            child.wait()

        # A thread of its own, as long-lived as the child: PR_SET_PDEATHSIG fires when the
        # *thread* that started the child ends, and start() may run in any short-lived one.
        self._waiter = threading.Thread(target=run, name="milvus-server", daemon=True)
        self._waiter.start()
        self._child = started.result()

    def _wait_until_healthy(self, log: Path) -> None:
        deadline = time.monotonic() + self._timeout_s
        while not self._is_healthy():
            time.sleep(0.05)
            if not self.alive:
                status = self._child.returncode if self._child else None
                raise MilvusNotStarted(f"died while starting, with exit status {status}", log)
            if time.monotonic() > deadline:
                raise MilvusNotStarted(f"was not healthy within {self._timeout_s:g} s", log)
        if _is_free(self.port):  # taken when Milvus looked, it then takes another silently
            raise MilvusNotStarted(f"does not listen on port {self.port}", log)

    def _is_healthy(self) -> bool:
        connection = HTTPConnection(HOST, self.health_port, timeout=1.0)
        try:
            connection.request("GET", "/healthz")
            response = connection.getresponse()
            return response.status == 200 and b"OK" in response.read()
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def free_ports(n: int) -> list[int]:
    """Find n free TCP ports, below the range from which the kernel takes outgoing ones.

    In that range a client that keeps calling a stopped server can connect to itself.
    """
    ports: list[int] = []
    while len(ports) < n:
        port = SystemRandom().randrange(20_000, 32_000)
        if port not in ports and _is_free(port):
            ports.append(port)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT is free
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
