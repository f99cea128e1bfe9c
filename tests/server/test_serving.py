"""uvicorn as the service has it."""

import asyncio
import socket
import sys

import uvicorn
from starlette.applications import Starlette

from alir.server.serving import SWITCH_S, server


async def test_threads_let_each_other_go_on_sooner_while_it_serves_and_no_longer() -> None:
    before_s = sys.getswitchinterval()
    serving = server(Starlette(), drain_s=1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(serving.serve(sockets=[listener]))
        while not serving.started:
            await asyncio.sleep(0.01)
        while_s = sys.getswitchinterval()
        serving.should_exit = True
        await running

    assert isinstance(serving, uvicorn.Server)
    assert before_s > while_s
    assert abs(while_s - SWITCH_S) < SWITCH_S / 100
    assert sys.getswitchinterval() == before_s
