"""Callers: which files and runs a tenant sees."""

from pathlib import Path

from alir.server.auth.caller import Tenant

ACME = Tenant("acme", Path("/srv/acme"))
ADMIN = Tenant("", Path("/srv"))


def test_a_tenant_holds_the_files_below_its_folder_and_no_others() -> None:
    files = [Path("/srv/acme/a.txt"), Path("/srv/acme2/a.txt"), Path("/srv/a.txt")]

    assert [ACME.holds(file) for file in files] == [True, False, False]
    assert all(ADMIN.holds(file) for file in files)


def test_only_an_admin_key_sees_what_others_began() -> None:
    assert [ACME.sees(name) for name in ("acme", "zeta", "")] == [True, False, False]
    assert all(ADMIN.sees(name) for name in ("acme", "zeta", ""))


def test_the_searches_of_a_tenant_are_filtered_and_those_of_an_admin_key_are_not() -> None:
    assert ACME.filters is not None
    assert ADMIN.filters is None
