"""The commands `alir status` and `alir relearn`."""

import json
from typing import TYPE_CHECKING, Any

from alir.app.printable import say
from alir.cli.exit_codes import run_with_alir
from alir.cli.options import Collection, Json

if TYPE_CHECKING:
    from alir.app.application import Alir


def status(collection: Collection = None, as_json: Json = False) -> None:
    """Print what the index holds and which settings are in use.

    Example: alir status --json
    """

    async def run(app: "Alir") -> dict[str, Any]:
        return await app.status()

    found = run_with_alir(run, collection=collection)
    if as_json:
        say(json.dumps(found))
        return
    failed = found.pop("failed")
    width = max(map(len, found))
    for name, value in found.items():
        shown = str(value).lower() if isinstance(value, bool) else value
        shown = ", ".join(value) or "none" if isinstance(value, list) else shown
        shown = "none" if value is None else shown
        say(f"{name.replace('_', ' '):<{width}}  {shown}")
    for one in failed:
        say(f"failed, attempt {one['attempts']}  {one['file']}: {one['reason']}")


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
