"""The owner of a run: known while a request is served, and in what it starts."""

import asyncio
from pathlib import Path

from alir.server.workflow_runs.owner import RunOwner, acting_as, current_owner


async def test_a_request_acts_for_its_owner_and_so_do_its_tasks() -> None:
    async def owner() -> RunOwner | None:
        return current_owner()

    acme = RunOwner("acme", "key")
    with acting_as(acme):
        inside = await asyncio.create_task(owner())

    assert (inside, current_owner()) == (acme, None)
    caller = acme.caller(Path("/srv"))
    assert (caller.key, caller.tenant.folder) == ("key", Path("/srv/acme"))
