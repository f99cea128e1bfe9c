"""The commands `alir status` and `alir relearn`."""

import json
from typing import TYPE_CHECKING, Any

from alir.app.printable import say
from alir.cli.exit_codes import run_with_alir
from alir.cli.options import Collection, Json
from alir.storage.ingestions import list_unended
from alir.storage.service_database import open_service_database

if TYPE_CHECKING:
    from alir.app.application import Alir
    from alir.settings import Settings


def status(collection: Collection = None, as_json: Json = False) -> None:
    """Print what the index holds and which settings are in use.

    Example: alir status --json
    """

    async def run(app: "Alir") -> dict[str, Any]:
        return {**await app.status(), "ingestions": _waiting_ingestions(app.settings)}

    found = run_with_alir(run, collection=collection)
    if as_json:
        say(json.dumps(found))
        return
    failed, ingestions = found.pop("failed"), found.pop("ingestions")
    width = max(map(len, found))
    for name, value in found.items():
        shown = str(value).lower() if isinstance(value, bool) else value
        shown = ", ".join(value) or "none" if isinstance(value, list) else shown
        shown = "none" if value is None else shown
        say(f"{name.replace('_', ' '):<{width}}  {shown}")
    for one in failed:
        say(f"failed, attempt {one['attempts']}  {one['file']}: {one['reason']}")
    for one in ingestions:
        why = one["waiting"] or "it has its turn, or waits for it; alir serve does it"
        say(f"{one['kind']} of the service  {', '.join(one['paths'])}: {why}")


def _waiting_ingestions(settings: "Settings") -> list[dict[str, Any]]:
    """Return the ingestions of the service that have not ended, as it wrote them down."""
    if not settings.service_path.exists():
        return []
    with open_service_database(settings.service_path) as db:
        rows = list_unended(db, settings.collection)
    shown = ("id", "kind", "begun", "waiting", "delete_many")
    return [
        {"tenant": tenant, "paths": told["paths"], **{name: told[name] for name in shown}}
        for tenant, told in ((tenant, json.loads(value)) for tenant, value in rows)
    ]


def relearn(collection: Collection = None, as_json: Json = False) -> None:
    """Make the ledger again from the collection, if it was lost or may be wrong.

    An ingestion does so by itself when the ledger knows nothing. The next one reads every file.

    Example: alir relearn
    """

    async def run(app: "Alir") -> dict[str, Any]:
        return {"ledger": str(app.ledger.path), "files": await app.relearn()}

    made = run_with_alir(run, collection=collection)
    line = f"The ledger {made['ledger']} knows the {made['files']} files that the index holds."
    say(json.dumps(made) if as_json else line)
