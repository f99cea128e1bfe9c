"""Keys: their secrets are nowhere, and open what they are for."""

import json
import stat
from pathlib import Path

from typer.testing import CliRunner

from alir.cli.main import cli
from alir.storage import keys
from alir.storage.service_database import open_service_database

FILE = Path(".alir/.milvus.service")


def test_a_secret_is_shown_once_and_kept_nowhere() -> None:
    made = CliRunner().invoke(
        cli, ["keys", "add", "laptop", "--scope", "write", "--tenant", "acme"]
    )
    secret = made.stdout.strip()
    listed = CliRunner().invoke(cli, ["keys", "list", "--json"])

    assert secret.startswith("alir_")
    assert len(secret) > 50
    held = b"".join(path.read_bytes() for path in FILE.parent.iterdir())
    assert secret.encode() not in held
    assert secret.split("_", 2)[2].encode() not in held
    [key] = json.loads(listed.stdout)
    assert (key["name"], key["scope"], key["tenant"]) == ("laptop", "write", "acme")
    assert key["revoked"] is None


def test_nobody_but_its_owner_may_read_the_file() -> None:
    with open_service_database(FILE) as db:
        keys.add(db, "one", "read")

    assert stat.S_IMODE(FILE.stat().st_mode) == 0o600
