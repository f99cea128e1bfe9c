"""The commands `alir keys add`, `list` and `revoke`."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer

from alir.app.printable import say
from alir.cli.exit_codes import reported
from alir.models.key_scope import Scope
from alir.storage import keys as stored
from alir.storage.service_database import open_service_database

keys = typer.Typer(
    help="Make, list and revoke the keys of the service. A revoked key is refused at once, "
    "also by a service that runs.\n\n"
    "Example: alir keys add laptop --scope write",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="A name for the key.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


@keys.command()
def add(
    name: Name,
    scope: Annotated[
        Scope, typer.Option(help="read asks, write also ingests, admin may do everything.")
    ] = "read",
    tenant: Annotated[
        str,
        typer.Option(metavar="T", help="It sees only the files in ROOT/T; default: all."),
    ] = "",
    as_json: Json = False,
) -> None:
    """Make a key and print its secret, which is shown only once and stored nowhere.

    Example: alir keys add laptop --scope write --tenant acme
    """
    with _database() as db:
        secret = stored.add(db, name, scope, tenant)
    say(json.dumps({"name": name, "secret": secret}) if as_json else secret)


@keys.command("list")
def list_(as_json: Json = False) -> None:
    """Print the keys, without their secrets.

    Example: alir keys list
    """
    with _database() as db:
        found = stored.list_all(db)
        if not found:
            stored.check_not_lost(db)
    if as_json:
        say(json.dumps([asdict(key) for key in found]))
        return
    for key in found:
        tenant = f"tenant {key.tenant}" if key.tenant else "no tenant"
        state = f"revoked {key.revoked}" if key.revoked else f"made {key.created}"
        say(f"{key.id}  {key.name}  {key.scope}  {tenant}  {state}")
    if not found:
        say("There are no keys: every user of this machine may use a service on its loopback.")


@keys.command()
def revoke(name: Annotated[str, typer.Argument(help="The key's name, or its id.")]) -> None:
    """Revoke a key: the service refuses it from now on.

    Without any valid key left, the service refuses every request.

    Example: alir keys revoke laptop
    """
    with _database() as db:
        stored.revoke(db, name)
    say(f"The key {name} is revoked.")


@keys.command("delete-all")
def delete_all() -> None:
    """Delete all keys: the service is open to every user of this machine again.

    A running service, too. It then listens on loopback only.

    Example: alir keys delete-all
    """
    with _database() as db:
        stored.delete_all(db)
    say("There are no keys now: every user of this machine may use a service on its loopback.")


@contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    with reported():
        from alir.settings import Settings  # noqa: PLC0415

        with open_service_database(Settings.load().service_path) as db:
            yield db
