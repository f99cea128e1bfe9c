"""Services to be killed.

    python -m tests.soak.service_host FOLDER_FOR_SOCKETS

forks a process for each service, as `ingester` does for each ingestion: what `alir serve` runs,
with hashed words for vectors. It says `{"pid": ...}`, then `{"url": ...}` when it serves.
"""

import asyncio
import resource
import signal
from pathlib import Path
from typing import Any

from alir.app.application import Alir
from alir.server import uvicorn_server
from alir.server.app import HttpService, real_root
from alir.server.connections.descriptors import raise_limit
from alir.server.connections.listener import open_port
from alir.server.telemetry.logs import log_to_stderr
from alir.settings import Settings
from alir.testing.embeddings import HashEmbedding
from tests.soak.ingester import Forks, Run, main, say, set_up


class ServiceHost(Forks):
    """Starts services, one at a time."""

    module = "tests.soak.service_host"

    def start(self, log: Path, *, descriptors: int = 0, **settings: Any) -> Run:
        """Start a service; it serves when its `url` is there.

        descriptors: the hard limit on its open files; 0 leaves it as it is.
        """
        return self.begin(log=str(log), descriptors=descriptors, settings=settings)


async def _serve(log: str, descriptors: int, settings: dict[str, Any]) -> None:
    if descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors // 2, descriptors))
    raise_limit()
    log_to_stderr()
    chosen = Settings.load(**settings)
    alir = Alir(chosen, embedding=HashEmbedding())
    _ = alir.ask, alir.ingest
    service = HttpService(alir, root=real_root(chosen.root), only_loopback=True)
    server = uvicorn_server.server(service.app, drain_s=chosen.drain_s)
    # uvicorn raises the signal again once it has stopped.
    signal.signal(signal.SIGTERM, lambda *_: None)
    with open_port("127.0.0.1", 0) as listener:
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not (server.started or running.done()):
            await asyncio.sleep(0.005)
        say(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        await running


if __name__ == "__main__":
    main(_serve, before=set_up)
